import * as assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { TerminalId, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import { TerminalHub } from '../../../extension/src/terminals/terminalHub.ts';
import type { TerminalServer, TerminalViewer, TerminalWatch } from '../../../extension/src/terminals/terminalViewer.ts';
import { FakeClock, settle } from './fakeClock.ts';
import { memoryLog } from './scriptedServer.ts';

const windowBytes = 1_048_576;
const sessionId = 'terminal-1' as TerminalId;

/** A terminal as the server has it: one attachment with credit, which a new one replaces, and a restart ends. */
class TerminalStandIn {
  readonly listeners = new Map<string, ((params: never) => void)[]>();
  readonly content: number[] = [];
  keptFrom = 0;
  cursor: number | undefined;
  acknowledged = 0;
  attachments = 0;
  detached = 0;
  maxInFlight = 0;
  exit: number | undefined;
  isGone = false;
  isUnavailable = false;
  hasScreens = false;
  /** Times at which an attachment was asked for in vain. */
  readonly refusedAt: number[] = [];
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  readonly server = {
    request: (method: string, params: { fromOffset?: number }) =>
      Promise.resolve().then(() => this.answer(method, params)),
    notify: (_method: string, params: { offset: number }) => {
      this.acknowledged = Math.max(this.acknowledged, params.offset);
      this.pump();
    },
    onNotification: (method: string, listener: (params: never) => void) => this.listen(method, listener),
    onNewServer: (listener: (params: never) => void) => this.listen('newServer', listener),
  } as unknown as TerminalServer;

  get listenerCount(): number {
    return [...this.listeners.values()].reduce((sum, list) => sum + list.length, 0);
  }

  produce(count: number): void {
    for (let index = 0; index < count; index++) this.content.push(this.content.length % 251);
    this.pump();
  }

  restart(): void {
    this.cursor = undefined;
    this.fire('newServer', 2);
  }

  ends(code: number): void {
    this.exit = code;
    this.pump();
  }

  fire(method: string, params: unknown): void {
    for (const listener of [...(this.listeners.get(method) ?? [])]) listener(params as never);
  }

  private listen(method: string, listener: (params: never) => void) {
    this.listeners.set(method, [...(this.listeners.get(method) ?? []), listener]);
    return {
      dispose: () =>
        this.listeners.set(
          method,
          this.listeners.get(method)!.filter((other) => other !== listener),
        ),
    };
  }

  private answer(method: string, { fromOffset }: { fromOffset?: number }): unknown {
    if (method === 'terminal/detach') {
      this.detached += 1;
      this.cursor = undefined;
      return {};
    }
    if (this.isUnavailable) {
      this.refusedAt.push(this.now());
      throw new CodedError('Unavailable', 'The pty host does not answer.');
    }
    if (this.isGone) throw new CodedError('NotFound', 'There is no such terminal.');
    this.attachments += 1;
    this.cursor = this.acknowledged = Math.max(fromOffset ?? 0, this.keptFrom);
    setImmediate(() => this.pump());
    const answer = { terminal: { sessionId, name: 'bash' }, fromOffset: this.cursor };
    if (!this.hasScreens || (fromOffset !== undefined && fromOffset >= this.keptFrom)) return answer;
    // A screen holds all that there is.
    this.cursor = this.acknowledged = this.content.length;
    const screen = { data: Uint8Array.of(this.content.length % 251), cols: 80, rows: 24 };
    return { ...answer, fromOffset: this.cursor, screen };
  }

  private pump(): void {
    while (this.cursor !== undefined && this.cursor < this.content.length) {
      const inFlight = this.cursor - this.acknowledged;
      this.maxInFlight = Math.max(this.maxInFlight, inFlight);
      if (inFlight >= windowBytes) return;
      const end = Math.min(this.cursor + 65_536, this.content.length, this.acknowledged + windowBytes);
      const offset = this.cursor;
      this.cursor = end;
      this.fire('terminal/output', { sessionId, offset, data: Uint8Array.from(this.content.slice(offset, end)) });
    }
    if (this.cursor === undefined || this.exit === undefined) return;
    this.fire('terminal/exited', { sessionId, exitCode: this.exit });
  }
}

/** Keeps what it was given, and consumes it at once or when told. */
class RecordingViewer implements TerminalViewer {
  readonly pieces: { readonly offset: number; readonly data: Uint8Array }[] = [];
  readonly gaps: (readonly [number, number])[] = [];
  readonly screens: TerminalScreenData[] = [];
  exits: (number | null)[] = [];
  forgotten = 0;
  lost = 0;
  isFast = true;
  watch: TerminalWatch | undefined;

  onOutput(data: Uint8Array, offset: number): void {
    this.pieces.push({ offset, data });
    if (this.isFast) this.consume();
  }

  onGap(from: number, to: number, screen?: TerminalScreenData): void {
    this.gaps.push([from, to]);
    if (screen) this.screens.push(screen);
  }

  onExited(code: number | null): void {
    this.exits.push(code);
  }

  onLost(): void {
    this.lost += 1;
  }

  onForgotten(): void {
    this.forgotten += 1;
  }

  get end(): number {
    const last = this.pieces.at(-1);
    return last ? last.offset + last.data.byteLength : 0;
  }

  consume(): void {
    this.watch?.acknowledge(this.end);
  }

  /** Everything from `from`, which throws where a byte is missing, wrong or given twice. */
  check(content: readonly number[], from = 0): void {
    let next = from;
    for (const { offset, data } of this.pieces) {
      assert.equal(offset, next, 'a piece does not join the one before it');
      data.forEach((byte, index) => {
        if (byte !== content[offset + index]) assert.fail(`byte ${offset + index} is wrong`);
      });
      next = offset + data.byteLength;
    }
    assert.equal(next, content.length, 'bytes are missing at the end');
  }
}

describe('The terminals that a window watches', () => {
  let terminal: TerminalStandIn;
  let clock: FakeClock;
  let hub: TerminalHub;

  beforeEach(() => {
    clock = new FakeClock();
    terminal = new TerminalStandIn(() => clock.now());
    hub = new TerminalHub(terminal.server, clock, memoryLog());
  });

  afterEach(async () => {
    await settle();
    hub.dispose();
    assert.equal(terminal.listenerCount, 0, 'a listener is left');
    assert.equal(clock.pendingTimers, 0, 'a timer is left');
  });

  async function join(fromOffset?: number): Promise<RecordingViewer> {
    const viewer = new RecordingViewer();
    viewer.watch = await hub.watch(sessionId, viewer, fromOffset);
    await settle();
    return viewer;
  }

  it('give the screen to one who comes late, and lose no byte of the one who lags behind it', async () => {
    terminal.hasScreens = true;
    const slow = await join(0);
    slow.isFast = false;
    terminal.produce(3 * windowBytes);
    await settle();
    const late = await join();
    assert.equal(late.watch?.fromOffset, 3 * windowBytes);
    assert.ok(late.watch.screen);
    terminal.produce(100);
    for (let round = 0; round < 8; round++) {
      slow.consume();
      await settle();
    }
    slow.check(terminal.content);
    late.check(terminal.content, 3 * windowBytes);
  });

  it('give a screen in place of bytes that are no longer kept', async () => {
    terminal.hasScreens = true;
    const viewer = await join(0);
    terminal.produce(1_000);
    await settle();
    terminal.restart();
    terminal.produce(5_000);
    terminal.keptFrom = 3_000;
    await settle();
    assert.deepEqual(viewer.gaps, [[1_000, 6_000]]);
    assert.equal(viewer.screens.length, 1);
  });

  it('give the same bytes to two viewers over one attachment each of which begins where it wants', async () => {
    terminal.produce(1_000);
    const first = await join();
    terminal.produce(500);
    const second = await join(200);
    terminal.produce(300);
    first.check(terminal.content);
    second.check(terminal.content, 200);
    assert.equal(terminal.attachments, 2);
  });

  it('are attached again at a new server without a byte lost or repeated', async () => {
    const viewer = await join();
    terminal.produce(10_000);
    terminal.restart();
    terminal.produce(10_000);
    await settle();
    terminal.restart();
    await settle();
    viewer.check(terminal.content);
  });

  it('let the fast viewer go on while a slow one is left behind, bounded, and caught up later', async () => {
    const fast = await join();
    const slow = await join();
    slow.isFast = false;
    terminal.produce(6 * windowBytes);
    await settle();
    fast.check(terminal.content);
    assert.ok(slow.end <= 2 * windowBytes + 65_536, `a slow viewer was given ${slow.end} bytes`);
    for (let round = 0; slow.end < terminal.content.length; round++) {
      assert.ok(round < 20, 'the slow viewer never catches up');
      slow.consume();
      await settle();
    }
    slow.check(terminal.content);
    fast.check(terminal.content);
  });

  it('stop the terminal while the only viewer consumes nothing', async () => {
    const viewer = await join();
    viewer.isFast = false;
    terminal.produce(5 * windowBytes);
    await settle();
    assert.equal(viewer.end, windowBytes);
    for (let round = 0; viewer.end < terminal.content.length; round++) {
      assert.ok(round < 20, 'the viewer is never given the rest');
      viewer.consume();
    }
    viewer.check(terminal.content);
  });

  it('say which bytes are no longer kept', async () => {
    const viewer = await join();
    terminal.produce(100);
    terminal.content.push(...Array.from({ length: 900 }, () => 7));
    terminal.keptFrom = 600;
    terminal.restart();
    await settle();
    assert.deepEqual(viewer.gaps, [[100, 600]]);
    assert.equal(viewer.end, 1_000);
  });

  it('tell each viewer of the exit once, after the last byte, also one that lagged', async () => {
    const fast = await join();
    const slow = await join();
    slow.isFast = false;
    terminal.produce(3 * windowBytes);
    terminal.ends(3);
    await settle();
    assert.deepEqual(fast.exits, [3]);
    assert.deepEqual(slow.exits, []);
    slow.consume();
    await settle();
    slow.check(terminal.content);
    assert.deepEqual(slow.exits, [3]);
    assert.deepEqual(fast.exits, [3]);
  });

  it('tell every viewer that the terminal is gone, also when that is noticed only after a restart', async () => {
    const viewer = await join();
    terminal.isGone = true;
    terminal.restart();
    await settle();
    assert.equal(viewer.forgotten, 1);
    assert.equal(hub.size, 0);
    await assert.rejects(join(), { reason: 'NotFound' });
    assert.equal(hub.size, 0);
  });

  it('are attached again after growing pauses, also where the server gave up, and in vain the viewers are told once', async () => {
    const viewer = await join();
    terminal.produce(1_000);
    terminal.isUnavailable = true;
    terminal.restart();
    await clock.advance(60_000);
    const pauses = terminal.refusedAt.slice(1).map((at, index) => at - terminal.refusedAt[index]!);
    assert.equal(pauses.length, 4);
    for (const [index, expected] of [250, 1_000, 4_000, 4_000].entries()) {
      assert.ok(Math.abs(pauses[index]! - expected) <= expected / 4, `pause ${index + 1} lasts ${pauses[index]} ms`);
    }
    assert.equal(viewer.lost, 1);
    assert.equal(viewer.forgotten, 0);
    assert.equal(clock.pendingTimers, 0);
    terminal.isUnavailable = false;
    terminal.produce(1_000);
    terminal.restart();
    await settle();
    assert.equal(viewer.lost, 1);
    terminal.cursor = undefined;
    terminal.produce(1_000);
    terminal.fire('terminal/detached', { sessionId });
    await clock.advance(10_000);
    viewer.check(terminal.content);
  });

  it('are attached no more once the last viewer has left during a pause', async () => {
    const viewer = await join();
    terminal.isUnavailable = true;
    terminal.restart();
    await settle();
    viewer.watch?.dispose();
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(60_000);
    assert.equal(terminal.refusedAt.length, 1);
    assert.equal(viewer.lost, 0);
  });

  it('are detached when the last viewer leaves, and not before', async () => {
    const [first, second] = [await join(), await join()];
    first.watch?.dispose();
    await settle();
    assert.equal(terminal.detached, 0);
    second.watch?.dispose();
    second.watch?.dispose();
    await settle();
    assert.equal(terminal.detached, 1);
    assert.equal(hub.size, 0);
  });

  it('keep the order whatever happens in between', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('produce' as const), bytes: fc.integer({ min: 1, max: 700_000 }) }),
      fc.record({ kind: fc.constantFrom('restart' as const, 'consume' as const, 'join' as const, 'wait' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        terminal = new TerminalStandIn(() => clock.now());
        hub.dispose();
        hub = new TerminalHub(terminal.server, clock, memoryLog());
        const viewers = [await join()];
        for (const next of steps) {
          if (next.kind === 'produce') terminal.produce(next.bytes);
          if (next.kind === 'restart') terminal.restart();
          if (next.kind === 'wait') await settle();
          if (next.kind === 'consume') for (const viewer of viewers) viewer.consume();
          if (next.kind === 'join' && viewers.length < 4) {
            const viewer = await join();
            viewer.isFast = viewers.length % 2 === 0;
            viewers.push(viewer);
          }
        }
        for (let round = 0; round < 30; round++) {
          for (const viewer of viewers) viewer.consume();
          await settle();
        }
        for (const viewer of viewers) viewer.check(terminal.content);
      }),
      { numRuns: 25 },
    );
  }).timeout(60_000);
});
