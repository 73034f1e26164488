import * as assert from 'node:assert/strict';
import type { CodedError } from '../../../server/protocol/errors.ts';
import { TurnBudget } from '../../../server/src/agents/turnBudget.ts';
import { FakeClock } from '../../support/fakeClock.ts';

describe('The budget of a turn', () => {
  let clock: FakeClock;
  let budget: TurnBudget;
  let over: CodedError[];

  beforeEach(() => {
    clock = new FakeClock();
    over = [];
    budget = new TurnBudget({ maxSteps: 2, maxDurationMs: 60_000 }, clock, (error) => over.push(error));
  });

  afterEach(() => {
    budget.dispose();
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  it('allows as many model calls as the settings say', () => {
    assert.equal(budget.takeStep(), undefined);
    assert.equal(budget.takeStep(), undefined);
    assert.match(budget.takeStep()?.message ?? '', /2 model calls/);
  });

  it('ends once the time is over', () => {
    clock.advance(59_999);
    assert.equal(over.length, 0);
    clock.advance(1);
    assert.match(over[0]?.message ?? '', /1 minutes/);
    clock.advance(120_000);
    assert.equal(over.length, 1);
  });

  it('does not count the time in which the person thinks', async () => {
    clock.advance(50_000);
    await budget.withoutTime(async () => {
      clock.advance(3_600_000);
      // Two questions may be open at once.
      await budget.withoutTime(() => {
        clock.advance(3_600_000);
        return Promise.resolve();
      });
      clock.advance(3_600_000);
    });
    assert.equal(over.length, 0);
    clock.advance(9_999);
    assert.equal(over.length, 0);
    clock.advance(1);
    assert.equal(over.length, 1);
  });

  it('goes on counting after a question that failed', async () => {
    await assert.rejects(budget.withoutTime(() => Promise.reject(new Error('lapsed'))));
    clock.advance(60_000);
    assert.equal(over.length, 1);
  });

  it('notices the same call three times in a row, whatever the order of its keys', () => {
    assert.equal(budget.checkRepetition('read', { a: 1, b: [{ c: 1, d: 2 }] }), undefined);
    assert.equal(budget.checkRepetition('read', { b: [{ d: 2, c: 1 }], a: 1 }), undefined);
    assert.match(budget.checkRepetition('read', { a: 1, b: [{ c: 1, d: 2 }] })?.message ?? '', /3 times in a row/);
  });

  it('lets the same call be made again after another one', () => {
    for (let round = 0; round < 5; round++) {
      assert.equal(budget.checkRepetition('read', { a: 1 }), undefined);
      assert.equal(budget.checkRepetition('read', { a: 1 }), undefined);
      assert.equal(budget.checkRepetition('read', { a: 2 }), undefined);
    }
  });

  it('counts mistakes in a row only', () => {
    for (let count = 0; count < 4; count++) assert.equal(budget.countCall(true), undefined);
    assert.equal(budget.countCall(false), undefined);
    for (let count = 0; count < 4; count++) assert.equal(budget.countCall(true), undefined);
    assert.match(budget.countCall(true)?.message ?? '', /5 tool calls in a row/);
  });
});
