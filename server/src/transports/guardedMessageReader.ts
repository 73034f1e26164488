import type { Readable } from 'node:stream';
import { AbstractMessageReader, type DataCallback, type Disposable } from 'vscode-jsonrpc/node';
import type { Logger } from '../base/logger.ts';
import { readFrames } from '../rpc/frameReader.ts';
import type { FrameWriter } from './frameWriter.ts';
import { messageRefusal, parseMessage, repeatedId, type MessageRefusal } from './jsonRpcMessage.ts';

/**
 * A message reader for streams that anybody may write to. A body that is no JSON-RPC message is answered with an error,
 * and the connection goes on; bytes that cannot be framed close it, since nothing after them can be understood.
 */
export class GuardedMessageReader extends AbstractMessageReader {
  private readonly stream: Readable;
  private readonly writer: FrameWriter;
  private readonly logger: Logger;

  constructor(stream: Readable, writer: FrameWriter, logger: Logger) {
    super();
    this.stream = stream;
    this.writer = writer;
    this.logger = logger;
  }

  listen(callback: DataCallback): Disposable {
    readFrames(this.stream, {
      body: (body) => this.deliver(body, callback),
      end: (error) => void this.end(error),
    });
    return { dispose: () => this.stream.pause() };
  }

  private async end(error: Error | undefined): Promise<void> {
    if (error) {
      this.logger.warn('Connection closed: its bytes are not LSP messages', { detail: error.message });
      await this.refuse(messageRefusal(null, 'ParseError', `The connection is closed: ${error.message}.`));
      this.fireError(error);
    }
    this.fireClose();
  }

  private deliver(body: Buffer, callback: DataCallback): void {
    const parsed = parseMessage(body.toString('utf8'));
    if ('refusal' in parsed) {
      if (parsed.refusal) void this.refuse(parsed.refusal);
      return;
    }
    const { message } = parsed;
    const isRepeated =
      message.method !== undefined && message.id !== undefined && !this.writer.requests.begin(message.id);
    if (isRepeated) void this.refuse(repeatedId());
    else callback(message);
  }

  /** Never rejects: a peer that has gone cannot be told anything. */
  private async refuse(refusal: MessageRefusal): Promise<void> {
    try {
      await this.writer.write(refusal);
    } catch (error) {
      this.logger.debug('An error could not be answered: the client has gone', { error });
    }
  }
}
