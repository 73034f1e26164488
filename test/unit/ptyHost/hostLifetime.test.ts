import assert from 'node:assert/strict';
import { monotonicClock } from '../../../server/src/base/clock.ts';
import { HostLifetime, type LivingSession } from '../../../server/src/ptyHost/hostLifetime.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

const hourMs = 3_600_000;

interface Scene {
  clients: number;
  keepAliveHours: number;
  sessions: (LivingSession & { ended: boolean })[];
}

function session(isIdle: boolean) {
  const self = {
    hasExited: false,
    ended: false,
    isIdle: () => Promise.resolve(isIdle),
    end: () => {
      self.ended = true;
      return Promise.resolve();
    },
  };
  return self;
}

describe('The lifetime of the pty host', () => {
  let clock: FakeClock;
  let scene: Scene;
  let ends: string[];
  let lifetime: HostLifetime;

  beforeEach(() => {
    clock = new FakeClock();
    scene = { clients: 0, keepAliveHours: 24, sessions: [] };
    ends = [];
    lifetime = new HostLifetime({
      view: () => ({ ...scene, sessionCount: scene.sessions.length }),
      idleExitMs: 60_000,
      clock,
      log: recordingLogger().logger,
      onEnd: (reason) => ends.push(reason),
    });
  });
  afterEach(() => {
    lifetime.dispose();
    assert.equal(clock.pending, 0);
  });

  /** Lets time pass and then looks, as the timer would. */
  const checkAfter = async (ms: number) => {
    clock.advance(ms);
    await lifetime.check();
  };

  it('ends after a minute with neither a session nor a client, and not a second before', async () => {
    await checkAfter(59_000);
    assert.deepEqual(ends, []);
    await checkAfter(1_000);
    assert.equal(ends.length, 1);
  });

  it('counts the minute from when the last client or session went', async () => {
    scene.clients = 1;
    await checkAfter(10 * hourMs);
    scene.clients = 0;
    await checkAfter(59_000);
    assert.deepEqual(ends, []);
    scene.sessions = [session(false)];
    await checkAfter(30_000);
    scene.sessions = [];
    await checkAfter(59_000);
    assert.deepEqual(ends, []);
    await checkAfter(2_000);
    assert.equal(ends.length, 1);
  });

  it('ends idle shells once nobody has been connected for the hours wished, and spares busy ones', async () => {
    const [idle, busy] = [session(true), session(false)];
    scene.sessions = [idle, busy];
    await checkAfter(24 * hourMs - 1_000);
    assert.equal(idle.ended, false);
    await checkAfter(1_000);
    assert.equal(idle.ended, true);
    assert.equal(busy.ended, false);
    assert.deepEqual(ends, []);
  });

  it('never ends a shell while a client is connected', async () => {
    const idle = session(true);
    scene.sessions = [idle];
    scene.clients = 1;
    await checkAfter(1_000 * hourMs);
    assert.equal(idle.ended, false);
    assert.deepEqual(ends, []);
  });

  it('counts by a clock that is not moved by who sets the time of day', () => {
    const timeOfDay = Date.now;
    const before = monotonicClock.now();
    Date.now = () => timeOfDay() + 365 * 24 * hourMs;
    try {
      const passedMs = monotonicClock.now() - before;
      assert.ok(passedMs >= 0 && passedMs < 60_000, String(passedMs));
    } finally {
      Date.now = timeOfDay;
    }
  });

  it('ends after seven days without a client, whatever still runs', async () => {
    scene.sessions = [session(false)];
    await checkAfter(167 * hourMs);
    assert.deepEqual(ends, []);
    await checkAfter(hourMs);
    assert.equal(ends.length, 1);
  });
});
