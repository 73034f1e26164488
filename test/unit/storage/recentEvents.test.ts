import * as assert from 'node:assert/strict';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { RecentEvents } from '../../../server/src/storage/recentEvents.ts';
import { agent, eventsOf, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import { sequencesOf } from './storageFixture.ts';

const title: SessionUpdate = { sessionUpdate: 'session_info_update', title: 'Named' };

function recent(updates: readonly SessionUpdate[], maxChars: number): RecentEvents {
  const events = new RecentEvents(maxChars);
  for (const event of eventsOf(updates)) events.add(event, 100);
  return events;
}

describe('recent events', () => {
  const turn = (name: string): SessionUpdate[] => [turnStarted(name), user(name), agent(name), turnEnded('end_turn')];

  it('are all events while these have room', () => {
    const all = recent([...turn('a'), ...turn('b')], 800);
    assert.deepEqual([all.list.length, all.droppedThrough], [8, 0]);
    assert.equal(recent([...turn('a'), ...turn('b')], Infinity).list.length, 8);
  });

  it('begin with a whole turn, behind what older ones set for the whole conversation', () => {
    const updates = [...turn('a').slice(0, 2), title, ...turn('a').slice(2), ...turn('b'), ...turn('c'), ...turn('d')];
    const { list, droppedThrough } = recent(updates, 1_000);
    assert.equal(droppedThrough, 9);
    assert.deepEqual(sequencesOf(list), [3, 10, 11, 12, 13, 14, 15, 16, 17]);
  });

  it('of a turn that is longer than the room are its beginning and its end', () => {
    const long = Array.from({ length: 200 }, (_, index) => agent(`${index}`));
    const { list, droppedThrough } = recent([turnStarted('a'), user('a'), ...long], 1_000);
    assert.equal(list[0]?.update.sessionUpdate, 'turn_started');
    assert.ok(list.length <= 11 && droppedThrough > 180);
    assert.equal(list.at(-1)?.sequence, 202);
    assert.equal(list[1]?.sequence, droppedThrough + 1);
  });
});
