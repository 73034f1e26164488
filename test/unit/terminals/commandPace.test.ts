import assert from 'node:assert/strict';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { CommandPace, maxCommandsPerWindow } from '../../../server/src/terminals/commands/commandPace.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const [one, other] = ['one', 'other'] as ConversationId[] as [ConversationId, ConversationId];

describe('The pace of the commands of agents', () => {
  it('lets each conversation start twenty within ten seconds, and tells the model how long to wait for the next', () => {
    const clock = new FakeClock();
    const pace = new CommandPace(clock);
    for (let count = 0; count < maxCommandsPerWindow; count++) {
      pace.check(one);
      clock.advance(100);
    }
    assert.throws(() => pace.check(one), {
      reason: 'RateLimited',
      message: /started 20 commands within 10 s.*Wait 8 s/,
    });
    pace.check(other);
    clock.advance(7_999);
    assert.throws(() => pace.check(one), /Wait 1 s/);
    clock.advance(1);
    pace.check(one);
    assert.throws(() => pace.check(one), /Wait 1 s/, 'the second of them is still too young');
    clock.advance(100);
    pace.check(one);
  });
});
