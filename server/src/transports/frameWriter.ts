import type { Writable } from 'node:stream';
import { AbstractMessageWriter } from 'vscode-jsonrpc/node';
import { OpenRequests } from './openRequests.ts';

/** Who reads so slowly that more waits for it has gone, as far as we are concerned; it comes again and has missed nothing. */
const maxBufferedBytes = 64 * 1024 * 1024;

/** Far more than an editor has under way. */
const maxOpenRequests = 100_000;

/**
 * Writes messages in LSP's base protocol, each in one piece. The library's own writer sends the header by itself, which wakes
 * the reader once for nothing: on one processor that takes as long as a whole call.
 */
export class FrameWriter extends AbstractMessageWriter {
  /** Those of the client that are not answered yet. */
  readonly requests = new OpenRequests(maxOpenRequests);
  private readonly stream: Writable;
  private hasGivenUp = false;

  constructor(stream: Writable) {
    super();
    this.stream = stream;
    stream.on('error', (error) => this.fireError(error));
    stream.once('close', () => this.fireClose());
  }

  /** Resolves once the system has taken the bytes; rejects where it has not. Closes where more than 64 MiB wait for that. */
  write(message: object): Promise<void> {
    if (!('method' in message) && 'id' in message) this.requests.end(message.id);
    if (this.stream.writableLength > maxBufferedBytes) return this.giveUp();
    const body = JSON.stringify(message);
    const frame = `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    return new Promise((resolve, reject) => {
      this.stream.write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }

  private giveUp(): Promise<void> {
    const error = new Error(`The client does not read: more than ${maxBufferedBytes} bytes wait for it`);
    if (!this.hasGivenUp) {
      this.hasGivenUp = true;
      this.fireError(error);
      this.fireClose();
    }
    return Promise.reject(error);
  }

  end(): void {
    this.stream.end();
  }
}
