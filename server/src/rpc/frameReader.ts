import type { Readable } from 'node:stream';

/** A header is two short lines; LSP clients send about 30 bytes. */
export const maxHeaderBytes = 4_096;
/** Larger than any message of the contract (a prompt of 1 MiB of text, escaped), small enough to hold in memory. */
export const maxBodyBytes = 16 * 1024 * 1024;

/** The bytes cannot be split into messages any more; the connection is closed. */
export class FramingError extends Error {}

const headerEnd = Buffer.from('\r\n\r\n');

/**
 * Splits bytes into the bodies of LSP's base protocol (`Content-Length: N`, blank line, N bytes). Unlike a lenient
 * reader it refuses what leaves a connection dead or eats memory: a header over 4 KiB, a length that is missing, twice
 * there, negative, not a number or over 16 MiB.
 */
export class FrameSplitter {
  private chunks: Buffer[] = [];
  private bufferedBytes = 0;
  private bodyBytes: number | undefined;

  /** Adds bytes and returns the bodies that are complete now. Throws `FramingError`; after that it must not be used. */
  push(chunk: Buffer): Buffer[] {
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;
    const bodies: Buffer[] = [];
    for (let body = this.next(); body !== undefined; body = this.next()) bodies.push(body);
    return bodies;
  }

  private next(): Buffer | undefined {
    if (this.bodyBytes === undefined) {
      const buffered = this.join();
      const end = buffered.indexOf(headerEnd);
      if (end === -1 ? buffered.length > maxHeaderBytes : end > maxHeaderBytes) {
        throw new FramingError(`a header is longer than ${maxHeaderBytes} bytes`);
      }
      if (end === -1) return undefined;
      this.bodyBytes = contentLength(buffered.toString('latin1', 0, end));
      this.keep(buffered.subarray(end + headerEnd.length));
    }
    if (this.bufferedBytes < this.bodyBytes) return undefined;
    const buffered = this.join();
    const body = buffered.subarray(0, this.bodyBytes);
    this.keep(buffered.subarray(this.bodyBytes));
    this.bodyBytes = undefined;
    return body;
  }

  private join(): Buffer {
    const joined = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [joined];
    return joined;
  }

  private keep(rest: Buffer): void {
    this.chunks = rest.length === 0 ? [] : [rest];
    this.bufferedBytes = rest.length;
  }
}

function contentLength(header: string): number {
  let length: number | undefined;
  for (const line of header.split('\r\n')) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!match) throw new FramingError('a header line is not of the form "Name: value"');
    if (match[1]?.toLowerCase() !== 'content-length') continue;
    if (length !== undefined) throw new FramingError('Content-Length stands twice');
    if (!/^\d{1,9}$/.test(match[2] ?? '')) throw new FramingError('Content-Length is not a number of bytes');
    length = Number(match[2]);
  }
  if (length === undefined) throw new FramingError('Content-Length is missing');
  if (length > maxBodyBytes) throw new FramingError(`a message is longer than ${maxBodyBytes} bytes`);
  return length;
}

/** Reads frames off `stream` until it ends or breaks. `onEnd` is called once, with the error if there was one. */
export function readFrames(stream: Readable, on: { body: (body: Buffer) => void; end: (error?: Error) => void }): void {
  const splitter = new FrameSplitter();
  let ended = false;
  const end = (error?: Error): void => {
    if (ended) return;
    ended = true;
    stream.off('data', onData);
    on.end(error);
  };
  const onData = (chunk: Buffer): void => {
    try {
      for (const body of splitter.push(chunk)) {
        if (ended) return;
        on.body(body);
      }
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  };
  stream.on('data', onData);
  stream.once('end', () => end());
  stream.once('error', (error) => end(error));
  stream.once('close', () => end());
}
