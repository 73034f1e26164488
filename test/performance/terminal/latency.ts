import { BarePeer, OurPeer, sameFlow, type TerminalPeer } from './terminalPeer.ts';

/** A key must come back within this, or the measurement is given up. */
const keyLimitMs = 30_000;
const pauseMs = 5;
/** Until the code of both is compiled. */
const warmUpKeys = 500;

/** Milliseconds from a key to its echo at the viewer, one value a key. */
export interface EchoTimes {
  readonly ours: number[];
  readonly bare: number[];
}

export interface Latency {
  readonly idle: EchoTimes;
  /** While the same viewer reads another terminal that prints without end. */
  readonly besideFlood: EchoTimes;
}

/** Types `keys` keys a round into a terminal that echoes, at each peer in turn, alone and beside a flooding terminal. */
export async function measureLatency(rounds: number, keys: number): Promise<Latency> {
  const result: Latency = { idle: { ours: [], bare: [] }, besideFlood: { ours: [], bare: [] } };
  const peers = { ours: await OurPeer.start(), bare: await BarePeer.start(sameFlow) };
  const keyboards = { ours: await Keyboard.open(peers.ours), bare: await Keyboard.open(peers.bare) };
  try {
    for (const keyboard of Object.values(keyboards)) await keyboard.type(warmUpKeys);
    for (let round = 0; round < rounds; round++) {
      for (const name of ['ours', 'bare'] as const) result.idle[name].push(...(await keyboards[name].type(keys)));
      for (const name of ['ours', 'bare'] as const) {
        const flood = await startFlood(peers[name]);
        result.besideFlood[name].push(...(await keyboards[name].type(keys)));
        await peers[name].close(flood);
      }
    }
  } finally {
    for (const peer of Object.values(peers)) await peer.end();
  }
  return result;
}

/** A terminal that echoes what is typed. */
export class Keyboard {
  private readonly peer: TerminalPeer;
  private readonly sessionId: string;
  private echoed = Promise.withResolvers<undefined>();

  static async open(peer: TerminalPeer): Promise<Keyboard> {
    const ready = Promise.withResolvers<undefined>();
    const opened: { keyboard?: Keyboard } = {};
    // Read key by key, or the line would fill up and nothing be echoed any more.
    const sessionId = await peer.create('stty -icanon -echo; printf R; exec cat');
    await peer.watch(sessionId, () => {
      ready.resolve(undefined);
      opened.keyboard?.echoed.resolve(undefined);
    });
    await ready.promise;
    return (opened.keyboard = new Keyboard(peer, sessionId));
  }

  private constructor(peer: TerminalPeer, sessionId: string) {
    this.peer = peer;
    this.sessionId = sessionId;
  }

  async type(keys: number): Promise<number[]> {
    const times: number[] = [];
    for (let key = 0; key < keys; key++) {
      this.echoed = Promise.withResolvers();
      const limit = setTimeout(() => this.echoed.reject(new Error(`${this.peer.name} did not echo a key`)), keyLimitMs);
      const startedAt = performance.now();
      const written = this.peer.write(this.sessionId, 'x');
      await this.echoed.promise;
      times.push(performance.now() - startedAt);
      clearTimeout(limit);
      await written;
      // As between the keys of a fast typist's burst; the processes fall asleep in between, as they do for a person.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return times;
  }
}

/** Starts a terminal that prints without end, watched, and gives its id once it flows. */
export async function startFlood(peer: TerminalPeer): Promise<string> {
  const flowing = Promise.withResolvers<undefined>();
  const sessionId = await peer.create(`exec yes 'a line of a program that prints without end'`);
  let received = 0;
  await peer.watch(sessionId, (data) => {
    received += data.length;
    if (received > 4_000_000) flowing.resolve(undefined);
  });
  await flowing.promise;
  return sessionId;
}
