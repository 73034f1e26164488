import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { HiddenValues } from '../../../server/src/base/hiddenValues.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { ErrorBoundary } from '../../../server/src/rpc/errorBoundary.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

describe('The boundary that errors cross', () => {
  let clock: FakeClock;
  let boundary: ErrorBoundary;
  let lines: string[];

  beforeEach(() => {
    const recording = recordingLogger();
    clock = new FakeClock();
    lines = recording.lines;
    boundary = new ErrorBoundary({ logger: recording.logger, clock });
  });
  afterEach(() => {
    boundary.dispose();
    assert.equal(clock.pending, 0);
  });

  const refuse = (client: string, reason: 'NotFound' | 'InvalidParams' = 'NotFound') =>
    boundary.toWireError(new CodedError(reason, 'There is none.'), {
      method: 'session/attach',
      correlationId: 'i-1',
      client,
    });

  it('logs refusals of one kind of client however many there are of another', () => {
    // Each call over HTTP is a client of its own.
    for (let call = 1; call <= 500; call++) refuse(`http-${call}`);
    refuse('webSocket-1');
    refuse('http-501', 'InvalidParams');
    const logged = (client: string): number => lines.filter((line) => line.includes(`client=${client}-`)).length;
    assert.deepEqual([logged('http'), logged('webSocket')], [11, 1]);
    clock.advance(60_000);
    assert.match(lines.at(-1) ?? '', /More requests were refused reason=NotFound more=490 .*clients=http$/);
  });

  it('lets no secret across, nor what moves the cursor of whoever reads it', () => {
    const hidden = new HiddenValues();
    hidden.hide('Zq3-_Vt8Lk2Wn5Rb7Yc4Xd9Hf6Gj1Ps0Mo8Ui3Ty5Ea');
    const own = `ada_0123456789abcdef_${'Zq3-_Vt8L'.repeat(5).slice(0, 43)}`;
    const guarded = new ErrorBoundary({ logger: createLogger(() => undefined, 'off', hidden).child({ a: 1 }), clock });
    for (const secret of [own, ...hidden.values]) {
      const cwd = `/x\x1b]0;title\x07\u202e/${secret}\nnext`;
      const error = new CodedError('InvalidCwd', `There is no "${cwd}".`, { args: { cwd, max: 3 } });
      const { message, data } = guarded.toWireError(error, { method: 'session/new', correlationId: 'i-2' });
      const shown = '/x\ufffd]0;title\ufffd\ufffd/[redacted]\nnext';
      assert.equal(message, `There is no "${shown}".`);
      assert.deepEqual(data.args, { cwd: shown, max: 3 });
    }
    guarded.dispose();
  });
});
