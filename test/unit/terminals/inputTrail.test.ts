import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { InputTrail } from '../../../server/src/terminals/inputTrail.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { RecordedAudit } from '../../support/recordedAudit.ts';

const [one, other] = ['one', 'other'] as TerminalId[] as [TerminalId, TerminalId];
const script = { tokenId: 'script' };
const tenMinutesMs = 600_000;

describe('The record of who types', () => {
  let clock: FakeClock;
  let audit: RecordedAudit;
  let terminals: Set<TerminalId>;
  let trail: InputTrail;

  beforeEach(() => {
    clock = new FakeClock();
    audit = new RecordedAudit();
    terminals = new Set([one, other]);
    const check = async (sessionId: TerminalId): Promise<void> => {
      if (!terminals.has(sessionId)) throw new CodedError('NotFound', 'There is no such terminal.');
      await Promise.resolve();
    };
    trail = new InputTrail({ audit, check, clock });
  });

  it('has each token and terminal once in ten minutes', async () => {
    for (const sessionId of [one, one, other, one]) await trail.admit(script, sessionId);
    assert.deepEqual(
      audit.events,
      [one, other].map((sessionId) => ({ kind: 'terminal.input', details: { sessionId } })),
    );
    await trail.admit({ tokenId: 'another' }, one);
    assert.equal(audit.events.length, 3);
    clock.advance(tenMinutesMs - 1);
    await trail.admit(script, one);
    assert.equal(audit.events.length, 3);
    clock.advance(1);
    await trail.admit(script, one);
    assert.equal(audit.events.length, 4);
  });

  it('is not waited for by the person who works at the editor', async () => {
    audit.refusal = new CodedError('Unavailable', 'The disk is full.');
    await trail.admit({}, one);
    assert.deepEqual(audit.events, []);
  });

  it('is there before any of what was sent at once gets to the terminal, in the order in which it was sent', async () => {
    let finish: (() => void) | undefined;
    audit.meanwhile = () => new Promise<void>((resolve) => (finish = resolve));
    const admitted: number[] = [];
    const all = [1, 2, 3].map((number) => trail.admit(script, one).then(() => admitted.push(number)));
    await new Promise(setImmediate);
    assert.deepEqual([admitted, audit.events.length], [[], 1]);
    finish?.();
    await Promise.all(all);
    assert.deepEqual(admitted, [1, 2, 3]);
  });

  it('refuses input while it cannot be kept, and is tried again with the next', async () => {
    audit.refusal = new CodedError('Unavailable', 'The disk is full.');
    await assert.rejects(Promise.all([trail.admit(script, one), trail.admit(script, one)]), { reason: 'Unavailable' });
    await assert.rejects(trail.admit(script, one), { reason: 'Unavailable' });
    assert.equal(audit.events.length, 2);
    audit.refusal = undefined;
    await trail.admit(script, one);
    await trail.admit(script, one);
    assert.equal(audit.events.length, 3);
  });

  it('has nothing of a terminal that is not there', async () => {
    terminals.clear();
    await assert.rejects(trail.admit(script, one), { reason: 'NotFound' });
    assert.deepEqual(audit.events, []);
  });
});
