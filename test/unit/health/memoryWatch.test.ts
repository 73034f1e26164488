import assert from 'node:assert/strict';
import { HealthService } from '../../../server/src/health/healthService.ts';
import { judgeMemory, readMemory, type MemoryReading } from '../../../server/src/health/memoryGauges.ts';
import { MemoryWatch } from '../../../server/src/health/memoryWatch.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

const plenty: MemoryReading = {
  heapUsedBytes: 100e6,
  heapLimitBytes: 1_000e6,
  residentBytes: 200e6,
  availableBytes: 8_000e6,
  totalBytes: 16_000e6,
};

describe('The watch over the memory', () => {
  let reading: MemoryReading;
  let shed: string[];
  let clock: FakeClock;
  let health: HealthService;
  let watch: MemoryWatch;
  let lines: string[];
  let givenUp: { freedBytes: number; conversations: number };
  let collected: number;
  beforeEach(() => {
    [givenUp, collected] = [{ freedBytes: 0, conversations: 0 }, 0];
    [reading, shed, clock] = [plenty, [], new FakeClock()];
    health = new HealthService({ clock, version: '1.2.3' });
    health.markStarted({ restarts: 0, recovered: false });
    const recorded = recordingLogger();
    lines = recorded.lines;
    watch = new MemoryWatch({
      health,
      clock,
      logger: recorded.logger,
      read: () => reading,
      shed: (level) => {
        shed.push(level);
        return Promise.resolve(givenUp);
      },
      collect: () => (collected += 1),
    });
  });
  afterEach(() => {
    watch.dispose();
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  const message = (): string => health.current().components['memory']?.message ?? '';

  it('gives memory up when the heap gets full, says so, and says when it is over', () => {
    clock.advance(30_000);
    assert.deepEqual([shed, health.current().status], [[], 'ready']);
    reading = { ...plenty, heapUsedBytes: 760e6 };
    clock.advance(3_000);
    assert.deepEqual([shed, health.current().status], [['elevated'], 'degraded']);
    assert.match(message(), /uses 76 % of the memory that it may use.*Close conversations/);
    reading = { ...plenty, heapUsedBytes: 900e6 };
    clock.advance(3_000);
    assert.deepEqual(shed, ['elevated', 'critical']);
    reading = { ...plenty, heapUsedBytes: 740e6 };
    clock.advance(3_000);
    assert.equal(health.current().status, 'degraded', 'a little less is not enough');
    reading = plenty;
    clock.advance(3_000);
    assert.deepEqual([health.current().status, message()], ['ready', '']);
    assert.equal(lines.filter((line) => line.includes('There is enough memory again')).length, 1);
  });

  it('gives up again what has come together meanwhile, but not at every look', () => {
    reading = { ...plenty, residentBytes: 1_600e6 };
    clock.advance(60_000);
    assert.deepEqual(shed, ['critical', 'critical']);
    assert.match(message(), /takes 1600 MB/);
    assert.equal(lines.filter((line) => line.includes('Memory runs out')).length, 1, 'logged once');
  });

  for (const [now, times] of [
    [{ freedBytes: 900_000, conversations: 0 }, 0],
    [{ freedBytes: 0, conversations: 1 }, 1],
    [{ freedBytes: 1_000_000, conversations: 0 }, 1],
  ] as const) {
    it(`stands still ${times} times to free ${now.freedBytes} bytes and ${now.conversations} conversations`, async () => {
      [reading, givenUp] = [{ ...plenty, heapUsedBytes: 900e6 }, now];
      clock.advance(3_000);
      await Promise.resolve();
      assert.deepEqual([shed, collected], [['critical'], 0]);
      clock.advance(3_000);
      assert.equal(collected, times);
      clock.advance(24_000);
      assert.equal(collected, times);
    });
  }

  it('looks at the memory of the machine or container, by share on a small one and by amount on a large one', () => {
    const levelWith = (availableBytes: number, totalBytes: number) =>
      judgeMemory({ ...plenty, availableBytes, totalBytes }, 'normal').level;
    assert.deepEqual(
      [levelWith(150e6, 1_000e6), levelWith(90e6, 1_000e6), levelWith(30e6, 1_000e6)],
      ['normal', 'elevated', 'critical'],
    );
    assert.deepEqual(
      [levelWith(600e6, 64e9), levelWith(500e6, 64e9), levelWith(200e6, 64e9)],
      ['normal', 'elevated', 'critical'],
    );
    reading = { ...plenty, availableBytes: 100e6 };
    clock.advance(3_000);
    assert.match(message(), /Only 100 MB of memory are left on this machine/);
  });

  it('stays calm between the thresholds on the way up and on the way down', () => {
    const between = { ...plenty, heapUsedBytes: 720e6 };
    assert.equal(judgeMemory(between, 'normal').level, 'normal');
    assert.equal(judgeMemory(between, 'elevated').level, 'elevated');
    assert.equal(judgeMemory({ ...plenty, heapUsedBytes: 820e6 }, 'critical').level, 'critical');
    assert.equal(judgeMemory({ ...plenty, heapUsedBytes: 790e6 }, 'critical').level, 'elevated');
  });

  it('reads figures that can be true, in less time than matters', () => {
    const found = readMemory();
    assert.ok(found.heapUsedBytes > 1e6 && found.heapUsedBytes < found.heapLimitBytes);
    assert.ok(found.residentBytes > 10e6 && found.residentBytes < found.totalBytes);
    assert.ok(found.availableBytes > 0 && found.availableBytes <= found.totalBytes);
    const before = process.cpuUsage();
    for (let round = 0; round < 1_000; round += 1) readMemory();
    const { user, system } = process.cpuUsage(before);
    // 0.5 % of the 3 s between two looks are 15 ms.
    assert.ok((user + system) / 1_000 / 1_000 < 15, `${(user + system) / 1_000} µs a look`);
  });
});
