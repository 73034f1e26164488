import type { TerminalCommand, TerminalId, TerminalInfo } from '../../../protocol/terminal.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/emitter.ts';
import type { Logger } from '../../base/logger.ts';
import type { PtyMark, PtySessionInfo } from '../../ptyProtocol/messages.ts';
import { CommandMarks, type EndedCommand } from './commandMarks.ts';
import type { PtyHostClient } from '../hostClient/ptyHostClient.ts';

/** A command whose end was told while this server was there. */
export type FinishedCommand = { readonly sessionId: TerminalId } & EndedCommand;

/** What is known of one session of one host. */
interface Reported {
  readonly marks: CommandMarks;
  /** Index of the next mark to be taken. */
  nextIndex: number;
  /** One more than the highest index that the host has told of. */
  knownCount: number;
  /** Index of the first mark that was told live; what is older has ended before this server was there. */
  liveFrom: number;
  reading: Promise<void> | undefined;
}

/**
 * The commands of shells that report them. The marks are with the pty host, which keeps the last ones of each session:
 * a server that starts later reads them there, and one that is there is told each.
 */
export class TerminalCommands implements Disposable {
  private readonly logger: Logger;
  /** By session id; those of another host are others. */
  private readonly sessions = new Map<string, Reported>();
  private readonly changed: Emitter<TerminalId>;
  private readonly finished: Emitter<FinishedCommand>;

  constructor(logger: Logger) {
    this.logger = logger;
    const onError = (error: unknown): void => logger.error('A listener for commands failed', { error });
    this.changed = new Emitter(onError);
    this.finished = new Emitter(onError);
  }

  /** A command has begun or ended in a terminal, or its shell has gone to another folder. */
  onChanged(listener: (sessionId: TerminalId) => void): Disposable {
    return this.changed.on(listener);
  }

  onFinished(listener: (finished: FinishedCommand) => void): Disposable {
    return this.finished.on(listener);
  }

  /** Listens to `host` until the result is disposed. */
  watch(host: PtyHostClient): Disposable {
    const store = new DisposableStore();
    store.add(host.onMarked(({ sessionId, mark }) => this.marked(host, sessionId, mark)));
    store.add(
      host.onSessionsChanged(({ sessionId, change }) => {
        if (change === 'removed') this.sessions.delete(sessionId);
      }),
    );
    return store;
  }

  /**
   * Reads what the host has and this server has not. `listed` are all sessions of the host; what is known of any other
   * is forgotten. A session that is gone meanwhile is no error.
   */
  async catchUp(host: PtyHostClient, listed: readonly PtySessionInfo[]): Promise<void> {
    const there = new Set(listed.map(({ sessionId }) => sessionId));
    for (const sessionId of this.sessions.keys()) if (!there.has(sessionId)) this.sessions.delete(sessionId);
    // One after the other: the marks of many shells together are more than one connection should have under way.
    for (const { sessionId, markCount } of listed) {
      if (markCount === 0) continue;
      const reported = this.reportedOf(sessionId);
      reported.knownCount = Math.max(reported.knownCount, markCount);
      await this.read(host, sessionId, reported);
    }
  }

  /** The fields of a terminal's description that its shell reports. */
  stateOf(sessionId: TerminalId): Partial<TerminalInfo> {
    const reported = this.sessions.get(sessionId);
    if (!reported || reported.nextIndex === 0) return {};
    const { folder, last } = reported.marks;
    return {
      hasShellIntegration: true,
      ...(folder !== undefined && { currentFolder: folder }),
      ...(last && { lastCommand: stateOfCommand(last) }),
    };
  }

  /** The commands of a session, the oldest first. */
  of(sessionId: TerminalId): readonly TerminalCommand[] {
    return this.sessions.get(sessionId)?.marks.commands ?? [];
  }

  dispose(): void {
    this.sessions.clear();
    this.changed.dispose();
    this.finished.dispose();
  }

  private reportedOf(sessionId: string): Reported {
    const known = this.sessions.get(sessionId);
    if (known) return known;
    const reported: Reported = {
      marks: new CommandMarks(),
      nextIndex: 0,
      knownCount: 0,
      liveFrom: Infinity,
      reading: undefined,
    };
    this.sessions.set(sessionId, reported);
    return reported;
  }

  private marked(host: PtyHostClient, sessionId: string, mark: PtyMark): void {
    const reported = this.reportedOf(sessionId);
    reported.knownCount = Math.max(reported.knownCount, mark.index + 1);
    reported.liveFrom = Math.min(reported.liveFrom, mark.index);
    if (!reported.reading && mark.index === reported.nextIndex) this.take(sessionId, reported, mark);
    else void this.read(host, sessionId, reported);
  }

  /** Never rejects. */
  private read(host: PtyHostClient, sessionId: string, reported: Reported): Promise<void> {
    reported.reading ??= this.readMissing(host, sessionId, reported)
      .catch((error: unknown) => this.logger.debug('The marks of a terminal could not be read', { sessionId, error }))
      .finally(() => {
        reported.reading = undefined;
      });
    return reported.reading;
  }

  private async readMissing(host: PtyHostClient, sessionId: string, reported: Reported): Promise<void> {
    while (reported.nextIndex < reported.knownCount) {
      const marks = await host.getMarks(sessionId, reported.nextIndex);
      for (const mark of marks) this.take(sessionId, reported, mark);
      // None left although there should be: they are no longer kept.
      if (marks.length === 0) reported.nextIndex = reported.knownCount;
    }
  }

  private take(sessionId: string, reported: Reported, mark: PtyMark): void {
    if (mark.index < reported.nextIndex) return;
    reported.nextIndex = mark.index + 1;
    const ended = reported.marks.take(mark);
    if (ended && mark.index >= reported.liveFrom) this.finished.fire({ sessionId: sessionId as TerminalId, ...ended });
    this.changed.fire(sessionId as TerminalId);
  }
}

function stateOfCommand(command: TerminalCommand): NonNullable<TerminalInfo['lastCommand']> {
  const { commandLine, startedAt, exitCode, durationMs } = command;
  return {
    commandLine,
    startedAt,
    ...(exitCode !== undefined && { exitCode }),
    ...(durationMs !== undefined && { durationMs }),
  };
}
