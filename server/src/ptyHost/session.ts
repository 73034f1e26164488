import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { maxPendingInputBytes } from '../ptyProtocol/limits.ts';
import type { PtyExit, PtyMark, PtySessionInfo, PtySizeAt } from '../ptyProtocol/messages.ts';
import { InputRoom } from './inputRoom.ts';
import { OutputFlow } from './outputFlow.ts';
import type { PtyLaunch, PtyListener, PtyProcess } from './ptyProcess.ts';
import { SessionMarks } from './sessionMarks.ts';
import { SessionViewers } from './sessionViewers.ts';
import { SizeHistory } from './sizeHistory.ts';

/** What a session is made of. */
export interface SessionOptions {
  readonly sessionId: string;
  /** Place in the order of creation, never used again. */
  readonly sequence: number;
  readonly launch: PtyLaunch;
  readonly metadata: string;
  readonly isShell: boolean;
  readonly createdAtMs: number;
  readonly markSecret: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly startPty: (launch: PtyLaunch, listener: PtyListener) => PtyProcess;
  /** Called once, after the last byte has reached the ring. */
  readonly onExited: (session: Session) => void;
  readonly onMark: (session: Session, mark: PtyMark) => void;
  /** So much was produced since the last checkpoint that a new one should be left soon. */
  readonly onCheckpointDue: (session: Session) => void;
}

/** Less than half of the ring, so that a checkpoint is there before what came after the last one is dropped. */
export const checkpointEveryBytes = 786_432;
/** Under a flood a checkpoint is worth nothing a moment later. */
const checkpointPauseMs = 2_000;

/** One terminal with its output, its size, and what a server asked to keep for it. */
export class Session {
  readonly sessionId: string;
  readonly sequence: number;
  readonly isShell: boolean;
  readonly createdAtMs: number;
  readonly output: OutputFlow;
  metadata: string;
  /** The host ends it because nobody has come back to it. */
  endedIdle = false;
  private readonly pty: PtyProcess;
  private readonly input = new InputRoom(() => this.pty.pendingInputBytes);
  readonly marks: SessionMarks;
  readonly viewers = new SessionViewers();
  private readonly sizes: SizeHistory;
  private readonly options: Pick<SessionOptions, 'onCheckpointDue'>;
  /** In the time of `performance.now()`. */
  private checkpointAskedAtMs = -Infinity;
  private keptCheckpoint: { readonly offset: number; readonly data: Buffer } | undefined;

  constructor(options: SessionOptions) {
    this.sessionId = options.sessionId;
    this.sequence = options.sequence;
    this.isShell = options.isShell;
    this.createdAtMs = options.createdAtMs;
    this.metadata = options.metadata;
    this.options = options;
    this.sizes = new SizeHistory({ cols: options.launch.cols, rows: options.launch.rows });
    this.marks = new SessionMarks({
      secret: options.markSecret,
      now: options.now,
      onMark: (mark) => options.onMark(this, mark),
    });
    this.output = new OutputFlow({ pause: () => this.pty.pause(), resume: () => this.pty.resume() });
    this.pty = options.startPty(options.launch, {
      output: (data) => this.received(data),
      inputTaken: () => this.input.changed(),
      exited: (exit) => {
        this.output.end(exit);
        this.input.end();
        options.onExited(this);
      },
    });
  }

  get pid(): number {
    return this.pty.pid;
  }

  get exit(): PtyExit | null {
    return this.output.exit;
  }

  get checkpoint(): { readonly offset: number; readonly data: Buffer } | undefined {
    return this.keptCheckpoint;
  }

  get info(): PtySessionInfo {
    return {
      sessionId: this.sessionId,
      pid: this.pid,
      ...this.sizes.current,
      metadata: this.metadata,
      createdAtMs: this.createdAtMs,
      exit: this.exit,
      producedBytes: this.output.ring.end,
      ringStartOffset: this.output.ring.start,
      checkpointOffset: this.output.checkpointOffset,
      markCount: this.marks.count,
      viewerCount: this.viewers.count,
      endedIdle: this.endedIdle,
    };
  }

  /** The size at `offset` and every later one. */
  sizesFrom(offset: number): PtySizeAt[] {
    return this.sizes.from(offset);
  }

  /** Takes all of `data` or refuses all of it. */
  write(data: Uint8Array): void {
    this.requireActive();
    if (!this.input.has(data.length)) throw this.input.refusal(this.sessionId, data.length);
    this.pty.write(data);
  }

  /** Resolves once `bytes` of input have room. Rejects with `ResourceLimit` after `waitMs`, or where they never will. */
  async inputRoom(bytes: number, waitMs: number): Promise<void> {
    this.requireActive();
    if (bytes > maxPendingInputBytes) throw this.input.refusal(this.sessionId, bytes);
    const outcome = await this.input.wait(bytes, waitMs);
    this.requireActive();
    if (outcome !== 'room') throw this.input.refusal(this.sessionId, bytes);
  }

  resize(cols: number, rows: number): void {
    this.requireActive();
    this.pty.resize(cols, rows);
    this.sizes.change(this.output.ring.end, { cols, rows });
  }

  /**
   * Keeps a copy of a server's screen, taken when it had seen the output up to `offset`. One that is older than what is
   * kept already, from a slower server, is passed over.
   */
  setCheckpoint(offset: number, data: Buffer): void {
    if (offset > this.output.ring.end) {
      throw new PtyProtocolError('InvalidParams', `The checkpoint's offset ${offset} is beyond the end of the output.`);
    }
    if (this.keptCheckpoint && offset < this.keptCheckpoint.offset) return;
    this.keptCheckpoint = { offset, data: Buffer.from(data) };
    this.output.checkpointOffset = offset;
  }

  requireActive(): void {
    if (this.exit) throw new PtyProtocolError('Exited', `The program in terminal ${this.sessionId} has ended.`);
  }

  private received(data: Buffer): void {
    const offset = this.output.ring.end;
    this.output.append(data);
    this.marks.push(data, offset);
    if (this.output.ring.end - (this.output.checkpointOffset ?? 0) < checkpointEveryBytes) return;
    const nowMs = performance.now();
    if (nowMs - this.checkpointAskedAtMs < checkpointPauseMs) return;
    this.checkpointAskedAtMs = nowMs;
    this.options.onCheckpointDue(this);
  }
}
