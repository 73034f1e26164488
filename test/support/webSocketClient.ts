import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';
import type { ClientToServerMethod, ParamsOf, ResultOf } from '../../server/protocol/contract.ts';
import type { HttpServer } from './httpServer.ts';
import { waitFor } from './waitFor.ts';

export interface RpcAnswer {
  readonly id: number | string | null;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly reason: string } };
}

/** An answer, or what the server says or asks by itself. */
interface Received extends Omit<RpcAnswer, 'id'> {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params: Record<string, unknown>;
}

/** Output of a terminal, as its frame says. */
export interface OutputFrame {
  readonly sessionId: string;
  readonly offset: number;
  readonly data: Buffer;
}

/** A client over WebSocket that speaks JSON-RPC as the guide says, with nothing of our own code. The owner calls `close`. */
export class WebSocketClient {
  readonly socket: WebSocket;
  /** What the server has said unasked, the oldest first. */
  readonly notifications: { readonly method: string; readonly params: Record<string, unknown> }[] = [];
  /** What the server has asked, the oldest first. */
  readonly questions: { readonly method: string; readonly id: number | string | null }[] = [];
  readonly output: OutputFrame[] = [];
  closeCode: number | undefined;
  private readonly waiting = new Map<number, (answer: RpcAnswer) => void>();
  /** Answers to nothing that was asked: to texts that are no messages. */
  readonly strays: RpcAnswer[] = [];
  private lastId = 0;

  /** Opens one with the token in the header, or as `options` say. Rejects with `HTTP <status> <reason>`. */
  static async open(
    server: Pick<HttpServer, 'url' | 'token'> & Partial<Pick<HttpServer, 'ca'>>,
    options: {
      readonly token?: string | null;
      readonly path?: string;
      readonly subprotocols?: string[];
    } & ClientOptions = {},
  ): Promise<WebSocketClient> {
    const { token = server.token, path = '/ws', subprotocols = [], headers = {}, ...rest } = options;
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const url = `${server.url.origin.replace(/^http/, 'ws')}${path}`;
    const trusted = server.ca === undefined ? {} : { ca: server.ca };
    const socket = new WebSocket(url, subprotocols, { headers: { ...authorization, ...headers }, ...trusted, ...rest });
    const client = new WebSocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
      socket.once('unexpected-response', (request, response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const { error } = JSON.parse(text) as { error: string };
          reject(new Error(`HTTP ${response.statusCode ?? 0} ${error}`));
          request.destroy();
        });
      });
    });
    return client;
  }

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', (code) => (this.closeCode = code));
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.output.push(readFrame(data));
      else this.take(JSON.parse(data.toString()) as Received);
    });
  }

  /** The result; rejects with the reason of the error as its message. */
  async call<M extends ClientToServerMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
    const { result, error } = await this.request(method, params);
    if (error) throw new Error(error.data.reason);
    return result as ResultOf<M>;
  }

  request(method: string, params: unknown): Promise<RpcAnswer> {
    const id = ++this.lastId;
    const answered = new Promise<RpcAnswer>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return answered;
  }

  /** Takes back the request that was sent last. */
  cancelLast(): void {
    this.notify('$/cancelRequest', { id: this.lastId });
  }

  notify(method: string, params: object): void {
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Everything that was printed since the terminal was attached, joined; fails on a hole. */
  text(sessionId: string): string {
    const frames = this.output.filter((frame) => frame.sessionId === sessionId);
    let end = frames[0]?.offset ?? 0;
    for (const { offset, data } of frames) {
      assert.equal(offset, end, 'a frame follows the one before');
      end = offset + data.length;
    }
    return Buffer.concat(frames.map(({ data }) => data)).toString();
  }

  /** Resolves with the code once the server has closed it. */
  async closed(): Promise<number> {
    await waitFor('the WebSocket to be closed', () => this.closeCode !== undefined);
    return this.closeCode ?? 0;
  }

  async close(): Promise<void> {
    if (this.closeCode !== undefined) return;
    this.socket.close();
    await once(this.socket, 'close');
  }

  private take(message: Received): void {
    const { method, params, id } = message;
    if (method !== undefined) {
      if (id === undefined) this.notifications.push({ method, params });
      else this.questions.push({ method, id });
      return;
    }
    const settle = typeof id === 'number' ? this.waiting.get(id) : undefined;
    if (typeof id === 'number') this.waiting.delete(id);
    const answer = { ...message, id: id ?? null };
    if (settle) settle(answer);
    else this.strays.push(answer);
  }
}

function readFrame(frame: Buffer): OutputFrame {
  assert.equal(frame[0], 1, 'the kind of frame is output');
  return {
    sessionId: frame.subarray(1, 17).toString('hex'),
    offset: Number(frame.readBigUInt64BE(17)),
    data: frame.subarray(25),
  };
}
