import type { TerminalId } from '../../../server/protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, toDisposable, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { describeError, type Log } from '../log.ts';
import { SharedAttachment } from './sharedAttachment.ts';
import type { TerminalServer, TerminalViewer, TerminalWatch } from './terminalViewer.ts';

/**
 * The terminals that this window watches. The server knows the window as one client with one attachment a terminal;
 * here that attachment is shared by all viewers in the window, each at its own offset.
 */
export class TerminalHub implements Disposable {
  private readonly server: TerminalServer;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly attachments = new Map<TerminalId, SharedAttachment>();
  private readonly store = new DisposableStore();
  private readonly answering = new Map<TerminalId, number>();
  private readonly answeringChanges: Emitter<TerminalId>;

  constructor(server: TerminalServer, clock: Clock, log: Log) {
    this.server = server;
    this.clock = clock;
    this.log = log;
    this.answeringChanges = this.store.add(
      new Emitter((error) => log.error(`A listener of the terminals failed: ${describeError(error)}`)),
    );
    const of = (sessionId: string): SharedAttachment | undefined => this.attachments.get(sessionId as TerminalId);
    this.store.add(
      server.onNotification('terminal/output', ({ sessionId, offset, data }) => {
        // Over this channel bytes arrive as bytes; base64 is what channels of JSON carry.
        if (data instanceof Uint8Array) of(sessionId)?.received(offset, data);
      }),
    );
    this.store.add(
      server.onNotification('terminal/gap', ({ sessionId, fromOffset, toOffset, screen }) =>
        of(sessionId)?.skipped(fromOffset, toOffset, screen),
      ),
    );
    this.store.add(
      server.onNotification('terminal/exited', ({ sessionId, exitCode, signal }) =>
        of(sessionId)?.exited(exitCode, signal),
      ),
    );
    this.store.add(
      server.onNotification('terminal/changed', ({ sessionId, terminal }) => {
        if (terminal === null) of(sessionId)?.forgotten();
      }),
    );
    this.store.add(server.onNotification('terminal/detached', ({ sessionId }) => of(sessionId)?.detached()));
    this.store.add(server.onNewServer(() => this.attachments.forEach((attachment) => attachment.rejoin())));
  }

  /** Number of terminals that are watched now. */
  get size(): number {
    return this.attachments.size;
  }

  /** Whether anything in this window shows that terminal. */
  isWatched(sessionId: TerminalId): boolean {
    return this.attachments.has(sessionId);
  }

  /** Starts giving a terminal's output to `viewer`, from `fromOffset` or from the screen as it is now. */
  async watch(sessionId: TerminalId, viewer: TerminalViewer, fromOffset?: number): Promise<TerminalWatch> {
    const attachment = this.attachments.get(sessionId) ?? this.add(sessionId);
    return attachment.join(viewer, fromOffset);
  }

  /** Says of a VS Code terminal, which cannot be kept from answering, that it shows this terminal, until disposed. */
  showsInTab(sessionId: TerminalId): Disposable {
    const count = (change: number): void => {
      this.answering.set(sessionId, (this.answering.get(sessionId) ?? 0) + change);
      if (this.answering.get(sessionId) === 0) this.answering.delete(sessionId);
      this.answeringChanges.fire(sessionId);
    };
    count(1);
    return toDisposable(() => count(-1));
  }

  /** Whether a VS Code terminal answers what this terminal's program asks; any other answer would be typed twice. */
  isInTab(sessionId: TerminalId): boolean {
    return this.answering.has(sessionId);
  }

  /** Called when `isInTab` may answer otherwise for a terminal. */
  onTabsChanged(listener: (sessionId: TerminalId) => void): Disposable {
    return this.answeringChanges.on(listener);
  }

  dispose(): void {
    this.store.dispose();
    for (const attachment of this.attachments.values()) attachment.dispose();
    this.attachments.clear();
  }

  private add(sessionId: TerminalId): SharedAttachment {
    const attachment = new SharedAttachment({
      sessionId,
      server: this.server,
      clock: this.clock,
      log: this.log,
      onEmpty: () => this.attachments.delete(sessionId),
    });
    this.attachments.set(sessionId, attachment);
    return attachment;
  }
}
