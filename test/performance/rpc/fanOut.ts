import type { WebSocket } from 'ws';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';
import { waitFor } from '../../support/waitFor.ts';
import { percentile } from '../statistics.ts';
import { openDoor, openWebSocket, type Door } from './doors.ts';
import { withBoth } from './subject.ts';
import { pairedRounds, type Paired } from './rounds.ts';

/** What every client is told of at once. */
type News = 'terminal output' | 'notification';

const newsBytes = 200;
/** Kind, terminal and offset, before the output in a frame. */
const frameHeaderBytes = 25;
/** With four rounds less than a viewer is sent without acknowledging. */
const timesEach = 20;
const atOnce = 50;
const limitMs = 20_000;

/** Milliseconds in which something reached everybody. */
interface Spreading {
  /** From its being sent by one client until the last one had it. */
  readonly wholeMs: number;
  /** From the first one to the last one that had it: without the way through the pty host and a terminal. */
  readonly spreadMs: number;
}

/** p50 of each round, in milliseconds. */
export interface FanOutFigures {
  readonly whole: Paired;
  readonly spread: Paired;
}
export type FanOut = Readonly<Record<News, FanOutFigures>>;

/** Tells 200 bytes to so many clients of our `serve`, and of a bare `ws` that sends on what it gets. */
export function measureFanOut(clients: number, rounds: number): Promise<FanOut> {
  return withBoth(openDoor, async ({ ours, bare }) => {
    const [ourCrowd, bareCrowd] = [new Crowd(), new Crowd()];
    const bareSender = await openWebSocket(bare);
    await ourCrowd.join(ours, clients);
    await bareCrowd.join(bare, clients);
    const ourSender = await OurSender.open(ours, ourCrowd);
    const tellBare = (): Promise<Spreading> =>
      bareCrowd.timeTo('terminal output', () => bareSender.send(Buffer.alloc(newsBytes, 'x')));
    const measure = async (tellOurs: () => Promise<Spreading>): Promise<FanOutFigures> => {
      const spread: Paired = { ours: [], bare: [] };
      const whole = await pairedRounds(rounds, async (whose) => {
        const times: Spreading[] = [];
        for (let time = 0; time < timesEach; time += 1) times.push(await (whose === 'ours' ? tellOurs() : tellBare()));
        spread[whose].push(
          percentile(
            times.map(({ spreadMs }) => spreadMs),
            50,
          ),
        );
        return percentile(
          times.map(({ wholeMs }) => wholeMs),
          50,
        );
      });
      return { whole, spread };
    };
    const notification = await measure(() => ourSender.rename());
    await ourSender.attachAll();
    const output = await measure(() => ourSender.print());
    return { 'terminal output': output, notification };
  });
}

/** Clients that only listen, until their door ends. Counts what comes as cheaply as can be: it shares the processors with what is measured. */
export class Crowd {
  readonly sockets: WebSocket[] = [];
  /** Bytes of output, or texts with `marker` in them, that all of them have got together. */
  private counted = 0;
  private marker: string | undefined;
  private wanted = Infinity;
  private firstAt: number | undefined;
  private done = Promise.withResolvers<undefined>();

  async join(door: Door, clients: number): Promise<void> {
    const headerBytes = door.server === undefined ? 0 : frameHeaderBytes;
    for (let joined = 0; joined < clients; joined += atOnce) {
      const count = Math.min(atOnce, clients - joined);
      const next = await Promise.all(Array.from({ length: count }, () => openWebSocket(door)));
      for (const socket of next) {
        socket.on('message', (data: Buffer, isBinary: boolean) => this.count(data, isBinary ? headerBytes : undefined));
      }
      this.sockets.push(...next);
    }
  }

  /** Sends with `send` and resolves once everybody has the output that comes of it, or the text with `marker` in it. */
  async timeTo(news: News, send: () => unknown, marker?: string): Promise<Spreading> {
    const done = (this.done = Promise.withResolvers());
    const limit = setTimeout(() => done.reject(new Error(`Not everybody was told: ${news}`)), limitMs);
    this.marker = marker;
    this.counted = 0;
    this.firstAt = undefined;
    this.wanted = this.sockets.length * (marker === undefined ? newsBytes : 1);
    const startedAt = performance.now();
    const arrival = done.promise.then(() => {
      const now = performance.now();
      return { wholeMs: now - startedAt, spreadMs: now - (this.firstAt ?? now) };
    });
    try {
      const [spreading] = await Promise.all([arrival, send()]);
      return spreading;
    } finally {
      clearTimeout(limit);
    }
  }

  /** `headerBytes` stand before the output in a frame; a text has none. */
  private count(data: Buffer, headerBytes: number | undefined): void {
    const { marker } = this;
    if (headerBytes !== undefined && marker === undefined) this.counted += data.length - headerBytes;
    else if (headerBytes === undefined && marker !== undefined && data.includes(marker)) this.counted += 1;
    else return;
    this.firstAt ??= performance.now();
    if (this.counted >= this.wanted) this.done.resolve(undefined);
  }
}

/** Has a terminal that gives back what is written to it, and a name that everybody is told when it changes. */
class OurSender {
  private readonly client: WebSocketClient;
  private readonly crowd: Crowd;
  private readonly sessionId: TerminalId;
  private names = 0;

  static async open({ server }: Door, crowd: Crowd): Promise<OurSender> {
    if (!server) throw new Error('Only our server has terminals.');
    const client = await WebSocketClient.open(server);
    const script = 'stty raw -echo; printf ready; exec cat';
    const { sessionId } = await client.call('terminal/create', { shell: '/bin/sh', args: ['-c', script] });
    const printed = async (): Promise<boolean> =>
      (await client.call('terminal/snapshot', { sessionId })).text.includes('ready');
    await waitFor('the terminal to be ready', printed);
    return new OurSender(client, crowd, sessionId);
  }

  private constructor(client: WebSocketClient, crowd: Crowd, sessionId: TerminalId) {
    this.client = client;
    this.crowd = crowd;
    this.sessionId = sessionId;
  }

  async attachAll(): Promise<void> {
    const { sessionId } = this;
    const attach = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'terminal/attach', params: { sessionId } });
    const askAll = (): void => {
      for (const socket of this.crowd.sockets) socket.send(attach);
    };
    await this.crowd.timeTo('notification', askAll, '"fromOffset"');
  }

  print(): Promise<Spreading> {
    const params = { sessionId: this.sessionId, data: 'x'.repeat(newsBytes) };
    return this.crowd.timeTo('terminal output', () => this.client.call('terminal/write', params));
  }

  rename(): Promise<Spreading> {
    this.names += 1;
    const params = { sessionId: this.sessionId, name: `terminal number ${this.names} of this run` };
    return this.crowd.timeTo('notification', () => this.client.call('terminal/rename', params), params.name);
  }
}
