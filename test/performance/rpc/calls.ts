import { fork } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { httpSubject, openDoor, webSocketSubject, type Door } from './doors.ts';
import { callsOver, startLoad, type Load } from './flood.ts';
import { onOneProcessor } from './oneProcessor.ts';
import { measureCalls, oneByOne, pairedRounds, warmUp, type CallFigures, type Paired } from './rounds.ts';
import { percentile } from '../statistics.ts';
import { withBoth, type JsonRpcSubject, type Subject } from './subject.ts';
import type { Program } from '../forkedServer.ts';

const overheadMs = 300;

/** By what the machine does besides. */
export type FiguresByLoad = Readonly<Partial<Record<'idle' | Load, CallFigures>>>;

export interface JsonRpcFigures {
  readonly byLoad: FiguresByLoad;
  /** p50 in milliseconds of one call at a time with client and server on one processor: the difference is the work of the router. */
  readonly onOneProcessor: Paired;
}

/** Calls of ours and of bare vscode-jsonrpc over the same kind of channel, where ours also carries the terminals' output. */
export function measureJsonRpc(
  start: (program: Program) => Promise<JsonRpcSubject>,
  loads: readonly Load[],
  rounds: number,
): Promise<JsonRpcFigures> {
  return withBoth(start, async (subjects) => {
    const { ours, bare } = subjects;
    for (const subject of [ours, bare]) await warmUp(subject);
    const byLoad: Partial<Record<'idle' | Load, CallFigures>> = { idle: await measureCalls(subjects, rounds) };
    const overhead = await onOneProcessor([process.pid, ours.pid, bare.pid], () =>
      pairedRounds(rounds, async (whose) => percentile(await oneByOne(subjects[whose], overheadMs), 50)),
    );
    for (const load of loads) {
      const endLoad = await startLoad(load, callsOver(ours.connection));
      byLoad[load] = await measureCalls(subjects, rounds);
      await endLoad();
    }
    return { byLoad, onOneProcessor: overhead };
  });
}

/** What can be called at a door. */
export type DoorCall = 'webSocket' | 'http' | 'health';

/** Calls of our `serve` and of the bare door. The terminals are watched by a process of their own. */
export function measureDoors(rounds: number): Promise<Readonly<Record<DoorCall, FiguresByLoad>>> {
  return withBoth(openDoor, async (both) => {
    const subjects = { ours: await subjectsAt(both.ours), bare: await subjectsAt(both.bare) };
    const all = async (): Promise<Record<DoorCall, CallFigures>> => {
      const of = (call: DoorCall): Promise<CallFigures> =>
        measureCalls({ ours: subjects.ours[call], bare: subjects.bare[call] }, rounds);
      return { webSocket: await of('webSocket'), http: await of('http'), health: await of('health') };
    };
    for (const each of Object.values(subjects)) for (const subject of Object.values(each)) await warmUp(subject);
    const idle = await all();
    const endFlood = await startFloodProcess(both.ours);
    const flooding = await all();
    await endFlood();
    const byLoad = (call: DoorCall): FiguresByLoad => ({ idle: idle[call], flooding: flooding[call] });
    return { webSocket: byLoad('webSocket'), http: byLoad('http'), health: byLoad('health') };
  });
}

async function subjectsAt(door: Door): Promise<Record<DoorCall, Subject>> {
  return {
    webSocket: await webSocketSubject(door),
    http: httpSubject(door, '/api/server/health'),
    health: httpSubject(door, '/health'),
  };
}

/** Floods `door` with the output of twenty terminals and gives what ends that. */
async function startFloodProcess({ server }: Door): Promise<() => Promise<void>> {
  if (!server) throw new Error('Only our server has terminals.');
  const load: Load = 'flooding';
  const child = fork(path.join(import.meta.dirname, 'floodProcess.ts'), [server.url.href, server.tokenFile, load]);
  const ended = once(child, 'exit');
  await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('The flood did not start')))]);
  return async () => {
    child.send('end');
    await ended;
  };
}
