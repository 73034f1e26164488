import { connect, type Socket } from 'node:net';

interface HttpRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON with POST; without one it is a GET. */
  readonly body: string | undefined;
}

interface Connection {
  readonly socket: Socket;
  received: string;
  call: PromiseWithResolvers<undefined> | undefined;
}

/**
 * Sends one request again and again over as many kept connections as calls are under way. Node's own client costs more than
 * the servers that are measured here; this one reads nothing but the status and where an answer ends.
 */
export class HttpConnections {
  private readonly port: number;
  private readonly text: string;
  private readonly idle: Connection[] = [];

  constructor(port: number, { path, headers, body }: HttpRequest) {
    this.port = port;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    if (body !== undefined)
      lines.push(`content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`);
    this.text = `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`;
  }

  call(): Promise<undefined> {
    const connection = this.idle.pop() ?? this.open();
    connection.call = Promise.withResolvers();
    connection.socket.write(this.text);
    return connection.call.promise;
  }

  /** Closes what is not in use. */
  close(): void {
    for (const { socket } of this.idle.splice(0)) socket.destroy();
  }

  private open(): Connection {
    const connection: Connection = { socket: connect(this.port, '127.0.0.1'), received: '', call: undefined };
    const { socket } = connection;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.take(connection, chunk.toString('latin1')));
    socket.on('error', (error) => connection.call?.reject(error));
    socket.on('close', () => connection.call?.reject(new Error('The server closed the connection of a call')));
    return connection;
  }

  private take(connection: Connection, text: string): void {
    connection.received += text;
    if (!isWhole(connection.received)) return;
    const { received, call } = connection;
    connection.received = '';
    connection.call = undefined;
    this.idle.push(connection);
    if (received.startsWith('HTTP/1.1 200 ')) call?.resolve(undefined);
    else call?.reject(new Error(`A call over HTTP failed: ${received.slice(0, 200)}`));
  }
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1];
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= end + 4 + Number(length);
}
