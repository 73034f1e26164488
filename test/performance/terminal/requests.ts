import { inTurn } from '../statistics.ts';
import { onOneProcessor } from './oneProcessor.ts';
import { BarePeer, OurPeer, sameFlow, type TerminalPeer } from './terminalPeer.ts';

const pipelined = 64;
const busyTerminals = 20;
const warmUpRequests = 20_000;

export interface Requests {
  /** Milliseconds of single requests while twenty terminals print and are read. */
  readonly busy: { readonly ours: number[]; readonly bare: number[] };
  /** The same with no terminal, on one processor; the difference is what the router costs. */
  readonly idle: { readonly ours: number[]; readonly bare: number[] };
  /** Requests a second with 64 under way, one value a round. */
  readonly perSecond: { readonly ours: number[]; readonly bare: number[] };
}

/** Sends `server/health` to both peers in turn. */
export async function measureRequests(rounds: number, count: number): Promise<Requests> {
  const ours = await OurPeer.start();
  const bare = await BarePeer.start(sameFlow);
  try {
    const idle = { ours: [] as number[], bare: [] as number[] };
    const busy = { ours: [] as number[], bare: [] as number[] };
    await onOneProcessor([process.pid, ...ours.pids(), ...bare.pids()], async () => {
      // Until their code is compiled for good, the longer one is slower by far.
      for (const peer of [ours, bare]) await oneByOne(peer, warmUpRequests);
      for (let round = 0; round < rounds; round++) {
        idle.ours.push(...(await oneByOne(ours, count)));
        idle.bare.push(...(await oneByOne(bare, count)));
      }
    });
    const perSecond = await inTurn(
      rounds,
      () => manyAtOnce(ours, 10 * count),
      () => manyAtOnce(bare, 10 * count),
    );
    for (let round = 0; round < rounds; round++) {
      busy.ours.push(...(await whileBusy(ours, () => oneByOne(ours, count))));
      busy.bare.push(...(await whileBusy(bare, () => oneByOne(bare, count))));
    }
    return { idle, busy, perSecond };
  } finally {
    await ours.end();
    await bare.end();
  }
}

async function oneByOne(peer: TerminalPeer, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let request = 0; request < count; request++) {
    const startedAt = performance.now();
    await peer.connection.sendRequest('server/health', {});
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function manyAtOnce(peer: TerminalPeer, count: number): Promise<number> {
  let sent = 0;
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    while (sent++ < count) await peer.connection.sendRequest('server/health', {});
  };
  await Promise.all(Array.from({ length: pipelined }, lane));
  return (count * 1_000) / (performance.now() - startedAt);
}

/** Runs `measure` while each of twenty watched terminals prints a line every 10 ms, as builds and logs do. */
async function whileBusy<T>(peer: TerminalPeer, measure: () => Promise<T>): Promise<T> {
  const terminals: string[] = [];
  for (let open = 0; open < busyTerminals; open++) {
    const printing = Promise.withResolvers<undefined>();
    const sessionId = await peer.create(`while :; do echo "a line of a program that is busy"; sleep 0.01; done`);
    await peer.watch(sessionId, () => printing.resolve(undefined));
    await printing.promise;
    terminals.push(sessionId);
  }
  try {
    return await measure();
  } finally {
    for (const sessionId of terminals) await peer.close(sessionId);
  }
}
