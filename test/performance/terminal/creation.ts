import { BarePeer, OurPeer, sameFlow, type TerminalPeer } from './terminalPeer.ts';

/** Milliseconds from the request to the answer, one value a terminal. */
export interface CreationTimes {
  readonly ours: number[];
  readonly bare: number[];
}

/** Starts terminals at both peers in turn, each once the one before it is closed. */
export async function measureCreation(count: number): Promise<CreationTimes> {
  const peers = { ours: await OurPeer.start(), bare: await BarePeer.start(sameFlow) };
  const result: CreationTimes = { ours: [], bare: [] };
  try {
    // The first terminal of ours also stages and starts the pty host.
    for (const peer of Object.values(peers)) for (let warm = 0; warm < 5; warm++) await createOne(peer);
    for (let done = 0; done < count; done++) {
      for (const name of ['ours', 'bare'] as const) result[name].push(await createOne(peers[name]));
    }
  } finally {
    for (const peer of Object.values(peers)) await peer.end();
  }
  return result;
}

async function createOne(peer: TerminalPeer): Promise<number> {
  const startedAt = performance.now();
  const sessionId = await peer.create('exec sleep 600');
  const ms = performance.now() - startedAt;
  await peer.close(sessionId);
  return ms;
}
