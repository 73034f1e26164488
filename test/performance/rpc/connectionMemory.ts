import { setTimeout as wait } from 'node:timers/promises';
import { canMeasureProcesses, memoryOf } from '../terminal/processCosts.ts';
import { openDoor } from './doors.ts';
import { Crowd } from './fanOut.ts';
import { pairedRounds, type Paired } from './rounds.ts';

/** What a server makes once for its first connections is not counted. */
const uncounted = 50;
const counted = 950;
const settleMs = 1_000;

/** Bytes of resident memory by which a server grows for each of 1,000 WebSockets. Nothing where the system does not tell it. */
export async function measureConnectionMemory(rounds: number): Promise<Paired | undefined> {
  if (!canMeasureProcesses) return undefined;
  return pairedRounds(rounds, async (whose) => {
    const door = await openDoor(whose);
    const crowd = new Crowd();
    try {
      await crowd.join(door, uncounted);
      await wait(settleMs);
      const before = memoryOf(door.pid).resident;
      await crowd.join(door, counted);
      await wait(settleMs);
      return (memoryOf(door.pid).resident - before) / counted;
    } finally {
      await door.end();
    }
  });
}
