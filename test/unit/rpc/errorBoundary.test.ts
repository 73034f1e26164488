import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
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
});
