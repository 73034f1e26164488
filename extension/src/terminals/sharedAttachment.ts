import type { ResultOf } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { isCodedError } from '../codedError.ts';
import type { TerminalId, TerminalInfo, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import { describeError, type Log } from '../log.ts';
import { backoffMs } from '../server/backoff.ts';
import type { TerminalServer, TerminalViewer, TerminalWatch } from './terminalViewer.ts';

/** A viewer that is this far behind what it was given gets no more until it has caught up. */
const lagBytes = 2_097_152;
/** Acknowledgements are sent for at least this much, or for all there is. */
const acknowledgeStepBytes = 32_768;
/** Attaching again after an error that may pass: so often, with growing pauses in between. */
const maxRejoins = 5;

export interface SharedAttachmentOptions {
  readonly sessionId: TerminalId;
  readonly server: TerminalServer;
  readonly clock: Clock;
  readonly log: Log;
  /** The last viewer has left. */
  readonly onEmpty: () => void;
}

interface Viewing {
  readonly viewer: TerminalViewer;
  /** `joining`: waits for an attachment that reaches back to `next`. `lagging`: must consume before it gets more. */
  state: 'joining' | 'live' | 'lagging';
  /** Offset of the next byte to give; unknown before the first attachment. */
  next: number | undefined;
  /** What it shows before the first byte. */
  screen: TerminalScreenData | undefined;
  acknowledged: number;
  isToldOfExit: boolean;
}

/** Output that is left out, and the screen in its place. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly screen: TerminalScreenData | undefined;
}

/**
 * One terminal's attachment at the server and its viewers in this window. The fastest viewer sets the pace at the
 * server. One that lags is left behind with what it has, bounded, and fetched by attaching again from its offset: the
 * server then repeats bytes, and those who have them already are not given them twice. One that comes late begins with
 * the screen as it is then.
 */
export class SharedAttachment implements Disposable {
  private readonly options: SharedAttachmentOptions;
  private readonly viewings = new Set<Viewing>();
  private terminal: TerminalInfo | undefined;
  private receivedEnd = 0;
  private acknowledgedEnd = 0;
  private attaching: Promise<void> = Promise.resolve();
  private failedRejoins = 0;
  /** The pause before the next attempt to attach again. */
  private pause: Disposable | undefined;

  constructor(options: SharedAttachmentOptions) {
    this.options = options;
  }

  async join(viewer: TerminalViewer, fromOffset: number | undefined): Promise<TerminalWatch> {
    const viewing: Viewing = {
      viewer,
      state: 'joining',
      next: fromOffset,
      screen: undefined,
      acknowledged: fromOffset ?? 0,
      isToldOfExit: false,
    };
    this.viewings.add(viewing);
    try {
      await this.attach();
    } catch (error) {
      this.leave(viewing);
      throw error;
    }
    const { terminal } = this;
    if (!terminal || viewing.next === undefined) {
      this.leave(viewing);
      throw new CodedError('NotFound', 'There is no such terminal any more.');
    }
    return {
      terminal,
      ...(viewing.screen && { screen: viewing.screen }),
      fromOffset: viewing.next,
      acknowledge: (offset) => this.consumed(viewing, offset),
      dispose: () => this.leave(viewing),
    };
  }

  /** Attaches again at a new server process, without repeating a byte to anybody. */
  rejoin(): void {
    this.failedRejoins = 0;
    for (const viewing of this.viewings) viewing.state = 'joining';
    this.attachAgain();
  }

  /** The server has given up for now: it is asked again, with growing pauses. */
  detached(): void {
    for (const viewing of this.viewings) if (viewing.state === 'live') viewing.state = 'joining';
    this.tryLater();
  }

  received(offset: number, data: Uint8Array): void {
    const end = offset + data.byteLength;
    this.receivedEnd = end;
    for (const viewing of [...this.viewings]) {
      const { next } = viewing;
      if (viewing.state !== 'live' || next === undefined || end <= next) continue;
      if (offset > next) {
        this.options.log.error(`Terminal ${this.options.sessionId}: output jumped from ${next} to ${offset}.`);
        this.rejoin();
        return;
      }
      viewing.next = end;
      viewing.viewer.onOutput(data.subarray(next - offset), next);
      if (end - viewing.acknowledged > lagBytes) viewing.state = 'lagging';
    }
    this.acknowledge();
  }

  skipped(fromOffset: number, toOffset: number, screen: TerminalScreenData | undefined): void {
    this.receivedEnd = toOffset;
    for (const viewing of [...this.viewings]) {
      const { next } = viewing;
      if (viewing.state === 'live' && next !== undefined && next >= fromOffset)
        this.skip(viewing, { from: next, to: toOffset, screen });
    }
  }

  exited(exitCode: number | null, signal: number | undefined): void {
    for (const viewing of [...this.viewings]) {
      if (viewing.state !== 'live' || viewing.isToldOfExit) continue;
      viewing.isToldOfExit = true;
      viewing.viewer.onExited(exitCode, signal);
    }
  }

  forgotten(): void {
    this.dispose();
    const viewings = [...this.viewings];
    this.viewings.clear();
    this.options.onEmpty();
    for (const { viewer } of viewings) viewer.onForgotten();
  }

  /** Tries nothing more; the viewers leave by themselves. */
  dispose(): void {
    this.pause?.dispose();
    this.pause = undefined;
  }

  private attachAgain(): void {
    this.dispose();
    this.attach().then(
      () => (this.failedRejoins = 0),
      (error: unknown) => {
        const mayPass = isCodedError(error) && error.retryable;
        this.options.log.warn(`Terminal ${this.options.sessionId} could not be attached: ${describeError(error)}`);
        if (!mayPass) this.forgotten();
        else this.tryLater();
      },
    );
  }

  private tryLater(): void {
    if (this.viewings.size === 0) return;
    this.failedRejoins += 1;
    if (this.failedRejoins < maxRejoins) {
      this.dispose();
      this.pause = this.options.clock.after(backoffMs(this.failedRejoins, Math.random), () => this.attachAgain());
      return;
    }
    for (const { viewer, state } of [...this.viewings]) if (state === 'joining') viewer.onLost();
  }

  private skip(viewing: Viewing, { from, to, screen }: Gap): void {
    if (to <= from) return;
    viewing.next = to;
    viewing.acknowledged = Math.max(viewing.acknowledged, to);
    viewing.viewer.onGap(from, to, screen);
  }

  private consumed(viewing: Viewing, offset: number): void {
    viewing.acknowledged = Math.max(viewing.acknowledged, Math.min(offset, viewing.next ?? 0));
    if (viewing.state === 'lagging' && viewing.acknowledged === viewing.next) {
      viewing.state = 'joining';
      this.attachAgain();
    }
    this.acknowledge();
  }

  private acknowledge(): void {
    const furthest = Math.max(...[...this.viewings].map((viewing) => viewing.acknowledged));
    const offset = Math.min(furthest, this.receivedEnd);
    const step = offset - this.acknowledgedEnd;
    if (step <= 0 || (step < acknowledgeStepBytes && offset < this.receivedEnd)) return;
    this.acknowledgedEnd = offset;
    this.options.server.notify('terminal/acknowledge', { sessionId: this.options.sessionId, offset });
  }

  /** Attachments follow one another, so that each answer belongs to the output after it. */
  private attach(): Promise<void> {
    const attached = this.attaching.then(() => this.attachNow());
    // The next attachment is tried whatever became of this one, whose caller has the error.
    this.attaching = attached.catch(() => undefined);
    return attached;
  }

  private async attachNow(): Promise<void> {
    await this.showScreens();
    const joining = [...this.viewings].filter((viewing) => viewing.state === 'joining');
    if (joining.length === 0) return;
    const offsets = [...this.viewings].map(({ next }) => next ?? Infinity);
    const { fromOffset, screen } = await this.request(Math.min(...offsets));
    for (const viewing of this.viewings) {
      if (joining.includes(viewing)) viewing.state = 'live';
      if (viewing.state !== 'live') continue;
      this.skip(viewing, { from: viewing.next ?? fromOffset, to: fromOffset, screen });
    }
    if (this.viewings.size === 0) this.detach();
  }

  /** Gives the screen to those who show nothing yet. Who has not come as far goes on by an attachment of its own. */
  private async showScreens(): Promise<void> {
    const isNew = (viewing: Viewing): boolean => viewing.next === undefined;
    if (![...this.viewings].some(isNew)) return;
    const { fromOffset, screen } = await this.request(undefined);
    for (const viewing of this.viewings) {
      if (isNew(viewing)) {
        Object.assign(viewing, { state: 'live', screen, next: fromOffset, acknowledged: fromOffset });
      } else if (viewing.state === 'live' && (viewing.next ?? 0) < fromOffset) {
        viewing.state = 'joining';
      }
    }
    if (this.viewings.size === 0) this.detach();
  }

  private async request(fromOffset: number | undefined): Promise<ResultOf<'terminal/attach'>> {
    const { sessionId, server } = this.options;
    const where = fromOffset === undefined ? {} : { fromOffset };
    const answer = await server.request('terminal/attach', { sessionId, ...where });
    this.terminal = answer.terminal;
    this.receivedEnd = this.acknowledgedEnd = answer.fromOffset;
    return answer;
  }

  private leave(viewing: Viewing): void {
    if (!this.viewings.delete(viewing) || this.viewings.size > 0) return;
    this.dispose();
    this.options.onEmpty();
    this.detach();
  }

  private detach(): void {
    const { server, sessionId, log } = this.options;
    // A server that is down has no attachments, so there is nothing to wait for.
    server.request('terminal/detach', { sessionId }, { waitMs: 0 }).then(undefined, (error: unknown) => {
      log.debug(`Terminal ${sessionId} was not detached: ${describeError(error)}`);
    });
  }
}
