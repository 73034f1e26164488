import type { Readable } from 'node:stream';
import {
  AbstractMessageReader,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { errorTable, type ErrorReason } from '../../protocol/errors.ts';
import type { Logger } from '../base/logger.ts';
import { readFrames } from '../rpc/frameReader.ts';

/**
 * A message reader for streams that anybody may write to. A body that is no JSON-RPC message is answered with an error,
 * and the connection goes on; bytes that cannot be framed close it, since nothing after them can be understood.
 */
export class GuardedMessageReader extends AbstractMessageReader {
  private readonly stream: Readable;
  private readonly writer: MessageWriter;
  private readonly logger: Logger;

  constructor(stream: Readable, writer: MessageWriter, logger: Logger) {
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
      await this.refuse(null, 'ParseError', `The connection is closed: ${error.message}.`);
      this.fireError(error);
    }
    this.fireClose();
  }

  private deliver(body: Buffer, callback: DataCallback): void {
    let message: unknown;
    try {
      message = JSON.parse(body.toString('utf8'));
    } catch {
      void this.refuse(null, 'ParseError', 'The message is not valid JSON.');
      return;
    }
    const problem = whyNoMessage(message);
    if (problem === undefined) callback(message as Message);
    else void this.refuse(idOf(message), 'InvalidRequest', problem);
  }

  /** Never rejects: a peer that has gone cannot be told anything. */
  private async refuse(id: string | number | null, reason: ErrorReason, message: string): Promise<void> {
    const answer = { jsonrpc: '2.0', id, error: { code: errorTable[reason].code, message, data: { reason } } };
    try {
      await this.writer.write(answer);
    } catch (error) {
      this.logger.debug('An error could not be answered: the client has gone', { error });
    }
  }
}

function whyNoMessage(message: unknown): string | undefined {
  if (Array.isArray(message)) return 'Batches are not supported: send one message at a time.';
  if (typeof message !== 'object' || message === null) return 'A message must be a JSON object.';
  const { jsonrpc, method, id } = message as Record<string, unknown>;
  if (jsonrpc !== '2.0') return 'A message must have "jsonrpc": "2.0".';
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') {
    return 'An id must be a string or a number.';
  }
  const isResponse = id !== undefined && ('result' in message || 'error' in message);
  if (typeof method !== 'string' && !isResponse) return 'A message must have a method, or be a response.';
  return undefined;
}

function idOf(message: unknown): string | number | null {
  if (typeof message !== 'object' || message === null) return null;
  const id = (message as Record<string, unknown>)['id'];
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
