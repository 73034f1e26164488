import assert from 'node:assert/strict';
import { CheckpointTurns } from '../../../server/src/ptyHost/checkpointTurns.ts';

describe('The client that is asked for a checkpoint', () => {
  const session = {};
  let turns: CheckpointTurns<object, string>;
  beforeEach(() => (turns = new CheckpointTurns()));
  const ask = (offset: number | null, ...candidates: string[]) => turns.choose(session, offset, candidates);

  it('is the first, as long as it leaves one each time', () => {
    assert.equal(ask(null, 'reader', 'other'), 'reader');
    assert.equal(ask(800_000, 'reader', 'other'), 'reader');
    assert.equal(ask(1_600_000, 'reader', 'other'), 'reader');
  });

  it('is the next where the one before has left none, and the first again once all were asked', () => {
    assert.equal(ask(null, 'hangs', 'other', 'third'), 'hangs');
    assert.equal(ask(null, 'hangs', 'other', 'third'), 'other');
    assert.equal(ask(null, 'hangs', 'third'), 'third');
    assert.equal(ask(null, 'hangs', 'other', 'third'), 'hangs');
  });

  it('is chosen for each session apart, and is nobody where there is none', () => {
    assert.equal(ask(null, 'one', 'other'), 'one');
    assert.equal(turns.choose({}, null, ['one', 'other']), 'one');
    assert.equal(ask(null), undefined);
  });
});
