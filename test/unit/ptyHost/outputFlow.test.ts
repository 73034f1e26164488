import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OutputRing } from '../../../server/src/base/outputRing.ts';
import { defaultRingBytes, OutputFlow, flowMarks } from '../../../server/src/ptyHost/outputFlow.ts';
import { stalledAfterMs, type ClientPort, type Subscription } from '../../../server/src/ptyHost/subscription.ts';
import { decodeOutput } from '../../../server/src/ptyProtocol/binaryFrames.ts';
import { frameHeaderBytes } from '../../../server/src/ptyProtocol/frames.ts';
import type { PtyHostNotifications } from '../../../server/src/ptyProtocol/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** The byte that stands at an offset of the made-up output; neighbours and pages differ. */
const byteAt = (offset: number) => (offset * 31 + (offset >> 8)) & 0xff;

function produce(flow: OutputFlow, count: number): void {
  flow.append(Buffer.from(Array.from({ length: count }, (_, index) => byteAt(flow.ring.end + index))));
}

/** What a client has received: offsets are checked as they come, bytes against the made-up output. */
class Receiver implements ClientPort {
  isCongested = false;
  next: number;
  receivedBytes = 0;
  frames = 0;
  readonly told: string[] = [];
  subscription!: Subscription;

  constructor(flow: OutputFlow, windowBytes: number, cursor = 0) {
    this.next = cursor;
    this.subscription = flow.subscribe({ subscriptionId: 1, sessionId: 's', windowBytes, cursor, port: this });
  }

  send(frame: Buffer): void {
    const { offset, data } = decodeOutput(frame.subarray(frameHeaderBytes));
    assert.equal(offset, this.next, 'a byte was lost or repeated');
    assert.ok(
      data.every((byte, index) => byte === byteAt(offset + index)),
      'a byte was changed',
    );
    this.frames += 1;
    this.next += data.length;
    this.receivedBytes += data.length;
  }

  notify<N extends keyof PtyHostNotifications>(method: N, params: PtyHostNotifications[N]): void {
    this.told.push(method);
    if (method === 'gap') {
      const { from, to } = params as PtyHostNotifications['gap'];
      assert.equal(from, this.next);
      this.next = to;
    }
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function createFlow(): { flow: OutputFlow; gate: string[]; clock: FakeClock } {
  const gate: string[] = [];
  const clock = new FakeClock();
  const flow = new OutputFlow({ pause: () => gate.push('pause'), resume: () => gate.push('resume') }, clock);
  return { flow, gate, clock };
}

describe('The ring of recent output', () => {
  it('gives back the last bytes unchanged, whatever the sizes of appends and reads', () => {
    const capacityBytes = 2 * 65_536;
    const sizes = fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (appends, from, length) => {
        const ring = new OutputRing(capacityBytes);
        for (const size of appends) {
          ring.append(Buffer.from(Array.from({ length: size }, (_, index) => byteAt(ring.end + index))));
        }
        const total = appends.reduce((sum, size) => sum + size, 0);
        assert.equal(ring.end, total);
        assert.equal(ring.start, Math.max(0, total - capacityBytes));
        const kept = ring.end - ring.start;
        const offset = ring.start + (kept === 0 ? 0 : from % kept);
        const target = Buffer.alloc(length % (ring.end - offset + 1));
        ring.copyTo(target, offset);
        assert.ok(target.every((byte, index) => byte === byteAt(offset + index)));
        assert.throws(() => ring.copyTo(Buffer.alloc(1), ring.end), RangeError);
        if (ring.start > 0) assert.throws(() => ring.copyTo(Buffer.alloc(1), ring.start - 1), RangeError);
      }),
      { numRuns: 40 },
    );
  }).timeout(30_000);
});

describe('The flow from a terminal to its viewers', () => {
  it('sends no more than the window until it is acknowledged', () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, 50_000);
    flow.advance(viewer.subscription);
    assert.equal(viewer.next, 10_000);
    viewer.subscription.acknowledge(4_000);
    flow.advance(viewer.subscription);
    assert.equal(viewer.next, 14_000);
    flow.dispose();
  });

  it('counts what was sent before a gap against the window until it is acknowledged', () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, 6_000);
    flow.advance(viewer.subscription);
    produce(flow, defaultRingBytes + 1_000);
    flow.advance(viewer.subscription);
    assert.deepEqual(viewer.told, ['gap']);
    assert.equal(viewer.receivedBytes, 10_000);
    viewer.subscription.acknowledge(5_000);
    flow.advance(viewer.subscription);
    assert.equal(viewer.receivedBytes, 15_000);
    viewer.subscription.acknowledge(viewer.next);
    flow.advance(viewer.subscription);
    assert.equal(viewer.receivedBytes, 25_000);
    flow.dispose();
  });

  it('sends nothing to a congested socket, and everything once there is room', () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 1_000_000);
    viewer.isCongested = true;
    produce(flow, 5_000);
    flow.advance(viewer.subscription);
    assert.equal(viewer.next, 0);
    viewer.isCongested = false;
    flow.advance(viewer.subscription);
    assert.equal(viewer.next, 5_000);
    flow.dispose();
  });

  it('tells the exit once, after the last byte', () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 4_096);
    produce(flow, 6_000);
    flow.end({ exitCode: 0, signal: null });
    flow.advance(viewer.subscription);
    assert.deepEqual(viewer.told, []);
    viewer.subscription.acknowledge(4_096);
    flow.advance(viewer.subscription);
    flow.advance(viewer.subscription);
    assert.equal(viewer.next, 6_000);
    assert.deepEqual(viewer.told, ['exited']);
    flow.dispose();
  });

  it('sends what comes after a pause at once, and collects what follows closely into fewer frames', async () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 1_000_000);
    await nextTurn();
    produce(flow, 1);
    await eventually('the first byte', () => viewer.next === 1);
    const reads = 200;
    for (let read = 0; read < reads; read++) {
      produce(flow, 10);
      await nextTurn();
    }
    await eventually('all bytes', () => viewer.next === 1 + 10 * reads);
    assert.ok(viewer.frames < reads / 2, `${viewer.frames} frames were sent for ${reads} reads`);
    flow.dispose();
  });

  it('lets a viewer that had used up its credit read on as soon as it gets some', async () => {
    const { flow } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, 50_000);
    await eventually('a whole window', () => viewer.next === 10_000);
    viewer.subscription.acknowledge(4_000);
    flow.credited(viewer.subscription);
    assert.equal(viewer.next, 14_000);
    flow.dispose();
  });

  it('pauses the terminal for the fastest viewer only, and never without one', () => {
    const { flow, gate } = createFlow();
    produce(flow, 3 * flowMarks.high);
    assert.deepEqual(gate, []);
    const end = flow.ring.end;
    const slow = new Receiver(flow, 4_096, end);
    const fast = new Receiver(flow, 8_000_000, end);
    produce(flow, flowMarks.high);
    flow.advance(fast.subscription);
    produce(flow, flowMarks.high);
    assert.deepEqual(gate, []);
    flow.unsubscribe(fast.subscription);
    assert.deepEqual(gate, ['pause']);
    flow.unsubscribe(slow.subscription);
    assert.deepEqual(gate, ['pause', 'resume']);
    flow.dispose();
  });

  it('is no longer held up by a viewer that reads nothing, which gets a gap and counts again when it does', () => {
    const { flow, gate, clock } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, flowMarks.high);
    flow.advance(viewer.subscription);
    produce(flow, 20_000);
    assert.deepEqual(gate, ['pause']);
    clock.advance(stalledAfterMs - 1);
    // To say the same again is no reading.
    viewer.subscription.acknowledge(0);
    flow.advance(viewer.subscription);
    assert.deepEqual(gate, ['pause']);
    clock.advance(1);
    assert.deepEqual(gate, ['pause', 'resume']);
    produce(flow, 2 * defaultRingBytes);
    assert.deepEqual(gate, ['pause', 'resume'], 'the program runs on as if nobody watched');
    viewer.subscription.acknowledge(10_000);
    flow.advance(viewer.subscription);
    assert.deepEqual(viewer.told, ['gap']);
    assert.deepEqual(gate, ['pause', 'resume', 'pause'], 'it counts again');
    flow.dispose();
    assert.equal(clock.pending, 0);
  });

  it('is held up for as long as its only viewer reads slowly but steadily', () => {
    const { flow, gate, clock } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, flowMarks.high + 200_000);
    flow.advance(viewer.subscription);
    for (let read = 0; read < 10; read++) {
      clock.advance(stalledAfterMs - 1);
      viewer.subscription.acknowledge(viewer.next);
      flow.advance(viewer.subscription);
    }
    assert.deepEqual(gate, ['pause']);
    assert.deepEqual(viewer.told, []);
    flow.dispose();
  });

  it('counts the silence of a viewer only from when output waits for it', () => {
    const { flow, gate, clock } = createFlow();
    const viewer = new Receiver(flow, 10_000);
    produce(flow, 10_000);
    flow.advance(viewer.subscription);
    clock.advance(10 * stalledAfterMs);
    produce(flow, flowMarks.high + 1);
    assert.deepEqual(gate, ['pause']);
    clock.advance(stalledAfterMs - 1);
    assert.deepEqual(gate, ['pause']);
    flow.dispose();
  });

  it('is gapless or says so, and never leaves the terminal paused without a reason, whatever happens in which order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('produce' as const), bytes: fc.integer({ min: 1, max: 700_000 }) }),
      fc.record({ kind: fc.constant('join' as const), window: fc.integer({ min: 4_096, max: 600_000 }) }),
      fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('acknowledge' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('congest' as const), which: fc.nat() }),
    );
    const chunk = Buffer.alloc(700_000);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { flow } = createFlow();
        const viewers: Receiver[] = [];
        const pick = (which: number) => viewers[which % Math.max(1, viewers.length)];
        for (const action of steps) {
          if (action.kind === 'produce') {
            for (let index = 0; index < action.bytes; index++) chunk[index] = byteAt(flow.ring.end + index);
            flow.append(chunk.subarray(0, action.bytes));
            for (const viewer of viewers) flow.advance(viewer.subscription);
          } else if (action.kind === 'join') {
            const viewer = new Receiver(flow, action.window, flow.ring.start);
            viewers.push(viewer);
            // The host does this at the end of the turn.
            flow.advance(viewer.subscription);
          } else {
            const viewer = pick(action.which);
            if (!viewer) continue;
            if (action.kind === 'leave') {
              viewers.splice(viewers.indexOf(viewer), 1);
              flow.unsubscribe(viewer.subscription);
            } else {
              if (action.kind === 'congest') viewer.isCongested = !viewer.isCongested;
              else viewer.subscription.acknowledge(viewer.next);
              flow.advance(viewer.subscription);
            }
          }
          const behind = Math.min(...viewers.map((viewer) => flow.ring.end - viewer.subscription.cursor));
          if (viewers.length === 0 || behind < flowMarks.low) assert.equal(flow.isPaused, false);
          if (viewers.length > 0 && behind > flowMarks.high) assert.equal(flow.isPaused, true);
        }
        flow.dispose();
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);
});
