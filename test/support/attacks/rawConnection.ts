import { connect, type Socket } from 'node:net';
import { waitFor } from '../waitFor.ts';

/** A server on loopback, as far as bytes can be sent to it. */
export interface RawTarget {
  readonly url: URL;
  readonly token: string;
}

/** A connection with nothing between the test and the bytes. The owner destroys `socket`. */
export class RawConnection {
  readonly socket: Socket;
  /** What has come so far, each byte one character. */
  received = '';
  /** How it ended where that was no ordinary end. */
  error: NodeJS.ErrnoException | undefined;

  /** Rejects where nobody listens. */
  static async open({ url }: Pick<RawTarget, 'url'>): Promise<RawConnection> {
    const socket = connect(Number(url.port), '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    // A server that hangs up while we still write is what most of these connections are made for.
    socket.on('error', (error) => (this.error = error));
  }

  get isEnded(): boolean {
    return this.socket.closed || this.socket.readableEnded;
  }

  /** Waits until the server has hung up. */
  async ended(what: string, timeoutMs?: number): Promise<void> {
    await waitFor(`it to be closed on ${what}`, () => this.isEnded, timeoutMs);
  }

  get firstLine(): string {
    return this.received.split('\r\n', 1)[0] ?? '';
  }
}

/** Sends bytes that no client library would and gives everything that is answered before the server hangs up. */
export async function sendRaw(target: RawTarget, bytes: string): Promise<string> {
  const connection = await RawConnection.open(target);
  try {
    connection.socket.write(bytes.replaceAll('PORT', target.url.port).replaceAll('TOKEN', target.token), 'latin1');
    await connection.ended('what was sent', 15_000);
    return connection.received;
  } finally {
    connection.socket.destroy();
  }
}

/** The headers of an answer, by their names in lower case. */
export function headersOf(answer: string): Record<string, string> {
  const [head = ''] = answer.split('\r\n\r\n', 1);
  const lines = head.split('\r\n').slice(1);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...rest] = line.split(':');
      return [name.toLowerCase(), rest.join(':').trim()];
    }),
  );
}

/** The bytes that ask for a WebSocket with the right token. */
export function upgradeRequest({ url, token }: RawTarget): string {
  return (
    `GET /ws HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\n` +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  );
}

/** A WebSocket that was opened by hand, for frames that no library sends. The owner destroys `socket`. */
export async function openRawWebSocket(target: RawTarget): Promise<RawConnection> {
  const connection = await RawConnection.open(target);
  connection.socket.write(upgradeRequest(target));
  await waitFor('the WebSocket', () => connection.received.includes('101 Switching Protocols'));
  return connection;
}

/** What a request must carry to ask for a WebSocket. */
export const upgradeHeaders: Readonly<Record<string, string>> = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};
