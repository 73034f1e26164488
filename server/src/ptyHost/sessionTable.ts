import { randomBytes } from 'node:crypto';
import { Emitter } from '../base/emitter.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { sessionIdBytes } from '../ptyProtocol/binaryFrames.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type {
  PtyCreateParams,
  PtyHostNotifications,
  PtySessionChange,
  PtySessionInfo,
} from '../ptyProtocol/messages.ts';
import { checkLaunch } from './launchChecks.ts';
import type { PtyLaunch, PtyListener, PtyProcess } from './ptyProcess.ts';
import { endSession } from './sessionSignals.ts';
import { Session } from './session.ts';

/** Programs that may run at once. The politer limit is a server's setting; this one keeps the machine usable. */
export const maxActiveSessions = 256;
/** Exited sessions kept for a server to take note of; beyond it the oldest goes. */
export const maxExitedSessions = 256;
/** Sessions in one answer to `list`: with the largest metadata, escaped, they stay below the frame limit. */
const listPageSessions = 32;

/** What the table needs from the platform. */
export interface SessionTableOptions {
  readonly startPty: (launch: PtyLaunch, listener: PtyListener) => PtyProcess;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Every session of this host, from creation until a server has closed or forgotten it. */
export class SessionTable {
  readonly changes: Emitter<PtyHostNotifications['sessionsChanged']>;
  readonly marks: Emitter<PtyHostNotifications['marked']>;
  /** Sessions of which a server should leave a checkpoint. */
  readonly checkpointsDue: Emitter<Session>;
  private readonly options: SessionTableOptions;
  private readonly sessions = new Map<string, Session>();
  private readonly closing = new Map<string, Promise<void>>();
  private starting = 0;
  private nextSequence = 1;

  constructor(options: SessionTableOptions) {
    this.options = options;
    const onError = (error: unknown): void => options.log.error('A listener of the sessions failed', { error });
    this.changes = new Emitter(onError);
    this.marks = new Emitter(onError);
    this.checkpointsDue = new Emitter(onError);
  }

  get all(): readonly Session[] {
    return [...this.sessions.values()];
  }

  /** Sessions, those about to start included. */
  get size(): number {
    return this.sessions.size + this.starting;
  }

  async create(params: PtyCreateParams): Promise<Session> {
    const active = this.all.filter((session) => !session.exit).length + this.starting;
    const max = Math.min(maxActiveSessions, params.maxSessions ?? maxActiveSessions);
    if (active >= max) {
      const what = `${active} terminals run already, and ${max} are allowed`;
      throw new PtyProtocolError('ResourceLimit', `${what}; close one first.`);
    }
    // Counted from here on, so that callers at the same time cannot pass the limit together.
    this.starting++;
    try {
      return this.start(params, await checkLaunch(params));
    } finally {
      this.starting--;
    }
  }

  has(sessionId: string): boolean {
    return this.sessions.has(sessionId);
  }

  /** The session of that name. Throws `NotFound`. */
  get(sessionId: string): Session {
    const session = this.sessions.get(sessionId);
    if (session) return session;
    throw new PtyProtocolError(
      'NotFound',
      `There is no terminal ${sessionId}; it was closed, or belonged to another host.`,
    );
  }

  list(cursor: number): { sessions: PtySessionInfo[]; nextCursor: number | null } {
    const rest = this.all.filter((session) => session.sequence >= cursor);
    const page = rest.slice(0, listPageSessions);
    return { sessions: page.map((session) => session.info), nextCursor: rest[page.length]?.sequence ?? null };
  }

  setMetadata(sessionId: string, metadata: string): void {
    this.get(sessionId).metadata = metadata;
    this.announce(sessionId, 'metadata');
  }

  /** Ends a session's processes and forgets it. Closing twice waits for the same end. */
  async close(sessionId: string): Promise<void> {
    const session = this.get(sessionId);
    let closing = this.closing.get(sessionId);
    if (!closing) {
      closing = this.end(session).finally(() => this.closing.delete(sessionId));
      this.closing.set(sessionId, closing);
    }
    await closing;
  }

  /** Drops a session that has exited. */
  forget(sessionId: string): void {
    const session = this.get(sessionId);
    if (!session.exit) {
      throw new PtyProtocolError(
        'InvalidParams',
        `Terminal ${sessionId} still runs; close it instead of forgetting it.`,
      );
    }
    this.remove(session);
  }

  private async end(session: Session): Promise<void> {
    await endSession(session);
    if (!session.exit) {
      throw new PtyProtocolError(
        'Internal',
        `Process ${session.pid} of terminal ${session.sessionId} did not end, not even by SIGKILL; try again later.`,
      );
    }
    this.remove(session);
  }

  private start(params: PtyCreateParams, launch: PtyLaunch): Session {
    const session = new Session({
      sessionId: randomBytes(sessionIdBytes).toString('hex'),
      sequence: this.nextSequence++,
      launch,
      metadata: params.metadata,
      isShell: params.isShell ?? true,
      createdAtMs: this.options.clock.now(),
      markSecret: params.markSecret,
      now: () => this.options.clock.now(),
      startPty: this.options.startPty,
      onExited: (exited) => this.exited(exited),
      onMark: ({ sessionId }, mark) => this.marks.fire({ sessionId, mark }),
      onCheckpointDue: (due) => this.checkpointsDue.fire(due),
    });
    this.sessions.set(session.sessionId, session);
    this.options.log.info('Session started', { sessionId: session.sessionId, pid: session.pid });
    this.announce(session.sessionId, 'created');
    return session;
  }

  private exited(session: Session): void {
    this.options.log.info('Session exited', { sessionId: session.sessionId, ...session.exit });
    this.announce(session.sessionId, 'exited');
    const exited = this.all.filter((candidate) => candidate.exit);
    for (const oldest of exited.slice(0, Math.max(0, exited.length - maxExitedSessions))) this.remove(oldest);
  }

  private remove(session: Session): void {
    if (!this.sessions.delete(session.sessionId)) return;
    for (const { options } of session.output.viewers) {
      options.port.notify('ended', { subscriptionId: options.subscriptionId, sessionId: session.sessionId });
    }
    session.output.dispose();
    this.options.log.info('Session removed', { sessionId: session.sessionId });
    this.announce(session.sessionId, 'removed');
  }

  private announce(sessionId: string, change: PtySessionChange): void {
    this.changes.fire({ sessionId, change });
  }
}
