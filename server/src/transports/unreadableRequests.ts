import * as http from 'node:http';
import { Socket } from 'node:net';
import type { ErrorReason } from '../../protocol/errors.ts';
import { bodyOf, securityHeaders } from './httpAnswer.ts';
import type { Listener } from './listener.ts';

interface UnreadableAnswer {
  readonly status: number;
  readonly reason: ErrorReason;
  readonly message: string;
}

const malformed: UnreadableAnswer = { status: 400, reason: 'ParseError', message: 'This is no HTTP request.' };

/** What Node says of a request that it gives nobody to answer, and what is answered in its place. */
const answers: Readonly<Record<string, UnreadableAnswer>> = {
  HPE_HEADER_OVERFLOW: { status: 431, reason: 'TooLarge', message: 'Headers may have 16 KiB at most.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, reason: 'TooLarge', message: 'Send chunks without extensions.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, reason: 'TimedOut', message: 'The request took too long to arrive.' },
};

/**
 * Answers what cannot be read as HTTP, or does not arrive in time, as every other request that is refused: with the headers
 * that all answers have. Left to itself Node answers with none. Afterwards the connection is closed.
 */
export function answerUnreadable(server: Listener): void {
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    // Within an answer, or after one, another answer would be read as a part of it, or as that to another request.
    const isFirst = stream instanceof Socket && stream.bytesWritten === 0;
    if (!isFirst || !stream.writable || error.code === 'ECONNRESET') {
      stream.destroy();
      return;
    }
    stream.write(textOf(answers[error.code ?? ''] ?? malformed));
    stream.destroySoon();
  });
}

function textOf({ status, reason, message }: UnreadableAnswer): string {
  const body = JSON.stringify(bodyOf({ reason, message }));
  const headers = {
    ...securityHeaders,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}
