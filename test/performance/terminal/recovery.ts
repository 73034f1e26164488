import { once } from 'node:events';
import { childrenOf } from '../../support/ptyHostOf.ts';
import { waitFor } from '../../support/waitFor.ts';
import { BarePeer, OurPeer, sameFlow } from './terminalPeer.ts';

const terminals = 20;

/** What `kill -9` of a server costs those who use its terminals. */
export interface Recovery {
  /** Milliseconds from the kill until the last of twenty terminals has echoed a key again; one value a kill. */
  readonly ms: number[];
  /** Terminals that answered afterwards with what they had before, of all. */
  readonly alive: number;
  readonly of: number;
  /** The same of a bare node-pty server that was killed once with as many. */
  readonly bareAlive: number;
}

/** Kills the server of twenty watched terminals again and again, starts the next and types into each of them. */
export async function measureRecovery(kills: number): Promise<Recovery> {
  const first = await OurPeer.start();
  const result = { ms: [] as number[], alive: 0, of: kills * terminals, bareAlive: await bareAlive() };
  let server = first;
  try {
    // Each keeps a number that no other program could know.
    const script = (n: number): string => `stty -icanon -echo; while read -r line; do echo "<${n}:$$:$line>"; done`;
    const shells: string[] = [];
    for (let n = 0; n < terminals; n++) shells.push(await server.create(script(n)));
    const before = await answers(server, shells, 'before');
    for (let kill = 0; kill < kills; kill++) {
      const startedAt = performance.now();
      await killServer(server);
      server = await OurPeer.start({ other: first });
      const after = await answers(server, shells, `kill ${kill}`);
      result.ms.push(performance.now() - startedAt);
      result.alive += after.filter((answer, n) => answer === before[n]?.replace('before', `kill ${kill}`)).length;
    }
  } finally {
    if (server !== first) await server.end();
    await first.end();
  }
  return result;
}

/** Watches each of `shells` from where it is now, types `line` and gives what it answers. */
async function answers(server: OurPeer, shells: readonly string[], line: string): Promise<string[]> {
  const texts = shells.map(() => '');
  await Promise.all(
    shells.map(async (sessionId, n) => {
      await server.attach(sessionId, (data) => {
        texts[n] = `${texts[n] ?? ''}${Buffer.from(data as Uint8Array).toString()}`;
      });
      await server.write(sessionId, `${line}\n`);
    }),
  );
  const answer = (text: string): string | undefined => new RegExp(`<\\d+:\\d+:${line}>`).exec(text)?.[0];
  await waitFor('every terminal to answer', () => texts.every((text) => answer(text) !== undefined), 60_000);
  return texts.map((text) => answer(text) ?? '');
}

/** How many shells of the bare server are left once it was killed. They get a moment to notice. */
async function bareAlive(): Promise<number> {
  const bare = await BarePeer.start(sameFlow);
  for (let n = 0; n < terminals; n++) await bare.create('exec sleep 600');
  const pids = bare.pids().flatMap(childrenOf);
  await bare.end();
  const alive = (): number => pids.filter(isThere).length;
  // Whether they end is what is measured.
  await waitFor('the shells to end', () => alive() === 0, 5_000).catch(() => undefined);
  return alive();
}

async function killServer(server: OurPeer): Promise<void> {
  const exited = once(server.process, 'exit');
  server.process.kill('SIGKILL');
  await exited;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
