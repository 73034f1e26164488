import type { AuditKind } from '../../../protocol/audit.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { errorCode } from '../../base/fileSystem.ts';
import { FloodGate } from '../../base/floodGate.ts';
import type { Logger } from '../../base/logger.ts';
import { currentRequest, type RequestOrigin } from '../../base/requestScope.ts';
import { serverActor, type AuditChain } from './auditChain.ts';
import { auditTreatment, type ActingAgent, type AuditActor, type AuditEvent } from './auditEvents.ts';
import type { RecordDraft } from './chainFile.ts';
import type { HealthReport } from './ports.ts';

const maxWaiting = 4_096;
const maxBatch = 256;
/** Whoever waits longer for a disk is refused; the record may still be written, and then tells of what was not done. */
const waitLimitMs = 10_000;
const closeLimitMs = 10_000;
const probeEveryMs = 5_000;
/** Of what a stranger can cause, with one outcome and one token. */
const maxAlikePerMinute = 20;
/** Far more than there are tokens; strangers, who show none, are counted as one. */
const maxFloods = 512;

interface Waiting {
  readonly draft: RecordDraft;
  readonly settle: (error?: CodedError) => void;
}

/** Records that could not be kept, since a time in milliseconds. */
interface Missed {
  count: number;
  readonly kinds: Set<AuditKind>;
  readonly since: number;
}

/** Events that are counted together where there are many. */
type Alike = Pick<AuditEvent, 'kind' | 'outcome'> & { readonly actor: AuditActor };

export interface AuditServiceOptions {
  readonly chain: AuditChain;
  readonly health: HealthReport;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Takes events into the audit log. Events that arrive while the disk is busy go out together. Where the disk fails,
 * what is privileged is refused, and the rest goes on, is counted, and is told once there is a record again.
 */
export class AuditService {
  private readonly options: AuditServiceOptions;
  private readonly floods: FloodGate<Alike>;
  private waiting: Waiting[] = [];
  private draining: Promise<void> | undefined;
  private missed: Missed | undefined;
  private probe: Disposable | undefined;
  private isFailing = false;
  private isClosed = false;

  constructor(options: AuditServiceOptions) {
    this.options = options;
    this.floods = new FloodGate({
      maxPerMinute: maxAlikePerMinute,
      maxKinds: maxFloods,
      nameOf: ({ kind, outcome = '', actor }) => {
        const group = `${kind} ${outcome}`;
        return { name: `${group} ${actor.token ?? ''}`, group };
      },
      joined: (one, other) => ({ ...one, actor: commonActor(one.actor, other.actor) }),
      clock: options.clock,
      tell: ({ kind: alike, more, withinMs }) => {
        const details = { alike: more, withinMs };
        void this.keep(options.chain.draft({ ...alike, at: options.clock.now(), details }));
      },
    });
  }

  /**
   * Records an event, after all that were recorded before it. Where what it tells of is privileged: resolves once it is
   * durable, and rejects with `Unavailable` where it cannot be kept, so that the thing must not be done. Any other
   * resolves at once; where it cannot be kept it is counted, and that is told later.
   */
  async record(event: AuditEvent): Promise<void> {
    const { kind, outcome } = event;
    const { waits, floods } = auditTreatment[kind];
    const request = currentRequest();
    const actor = event.by ?? actorOf(request, event.agent);
    // Before anything else: to look through what a stranger has sent costs more than to count it.
    if (floods && !this.floods.admits({ kind, actor, ...(outcome !== undefined && { outcome }) })) return;
    const draft = this.options.chain.draft({
      ...event,
      at: this.options.clock.now(),
      actor,
      correlationId: request?.correlationId,
    });
    if (waits) await this.within(this.enqueue(draft));
    else void this.keep(draft);
  }

  /** As `record`, for what nobody waits for: what goes wrong is told by the log and by the server's health. */
  tell(event: AuditEvent): void {
    this.record(event).catch((error: unknown) => {
      this.options.logger.error('An event was not recorded in the audit log', { kind: event.kind, error });
    });
  }

  /** The file that is written now, if there is one. */
  get currentFile(): string | undefined {
    return this.options.chain.fileName;
  }

  /** Lets what was recorded reach the disk, for at most 10 s, and ends the chain. */
  async dispose(): Promise<void> {
    if (this.isClosed) return;
    this.floods.dispose();
    this.probe?.dispose();
    const ended = (this.draining ?? Promise.resolve()).then(() => {
      this.isClosed = true;
      return this.options.chain.close();
    });
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = this.options.clock.after(closeLimitMs, () => resolve('late'));
    try {
      const first = await Promise.race([ended, late]);
      if (first === 'late') this.options.logger.error('The audit log was given up because the disk does not answer');
    } catch (error) {
      this.options.logger.error('The audit log could not be ended', { error });
    } finally {
      this.isClosed = true;
      timer.dispose();
    }
  }

  /** Rejects where the record could not be kept; that is counted already. */
  private enqueue(draft: RecordDraft): Promise<void> {
    if (this.isClosed) return Promise.reject(notKept('the server is shutting down'));
    if (this.waiting.length >= maxWaiting) {
      this.miss(draft.kind);
      return Promise.reject(notKept('too many records wait for a slow disk'));
    }
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.waiting.push({ draft, settle: (error) => (error ? reject(error) : resolve(undefined)) });
    this.draining ??= this.drain();
    return promise;
  }

  /** Never rejects: whatever has gone wrong was counted, and is told by the server's health. */
  private async keep(draft: RecordDraft): Promise<void> {
    await this.enqueue(draft).catch(() => undefined);
  }

  private async within(kept: Promise<void>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.options.clock.after(waitLimitMs, () => reject(notKept('the disk does not answer')));
    try {
      await Promise.race([kept, late]);
    } finally {
      timer.dispose();
    }
  }

  /** Never rejects: each record learns of its own failure. */
  private async drain(): Promise<void> {
    // One turn of the event loop gathers the records that are made together.
    await Promise.resolve();
    while (this.waiting.length > 0 && !this.isClosed) {
      const batch = this.waiting.splice(0, maxBatch);
      const error = await this.commit(batch.map(({ draft }) => draft));
      for (const { draft, settle } of batch) {
        if (error) this.miss(draft.kind);
        settle(error);
      }
    }
    for (const { settle } of this.waiting.splice(0)) settle(notKept('the server is shutting down'));
    this.draining = undefined;
  }

  /** Why it failed, if it did. */
  private async commit(drafts: readonly RecordDraft[]): Promise<CodedError | undefined> {
    const { missed } = this;
    const telling = missed ? [this.missedDraft(missed, drafts[0]?.at ?? this.options.clock.now())] : [];
    // Counted anew from here, since more may be missed while this is written.
    this.missed = undefined;
    try {
      await this.options.chain.append([...telling, ...drafts]);
    } catch (error) {
      this.missed = joined(missed, this.missed);
      this.fail(error);
      return notKept(errorCode(error) ?? 'unknown error', error);
    }
    this.recover();
    return undefined;
  }

  private missedDraft({ count, kinds, since }: Missed, at: number): RecordDraft {
    const details = { count, kinds: [...kinds], since: new Date(since).toISOString() };
    return this.options.chain.draft({ kind: 'audit.missed', at, details });
  }

  private miss(kind: AuditKind): void {
    this.missed ??= { count: 0, kinds: new Set(), since: this.options.clock.now() };
    this.missed.count += 1;
    this.missed.kinds.add(kind);
  }

  private fail(error: unknown): void {
    const { health, logger, clock } = this.options;
    if (!this.isFailing) {
      logger.error('The audit log cannot be written', { error });
      const what = `The audit log cannot be written (${errorCode(error) ?? 'unknown error'}), so nothing that must stand in it is done: no command, no terminal, no answer to a question, no change of tokens.`;
      health.setComponent(
        'audit',
        'degraded',
        `${what} Free space, or make the folder writable; this message then goes by itself.`,
      );
    }
    this.isFailing = true;
    this.probe?.dispose();
    this.probe = this.isClosed
      ? undefined
      : clock.after(probeEveryMs, () => {
          this.draining ??= this.tryAgain();
        });
  }

  private async tryAgain(): Promise<void> {
    await this.commit([]);
    return this.drain();
  }

  private recover(): void {
    this.probe?.dispose();
    if (!this.isFailing) return;
    this.isFailing = false;
    this.options.logger.info('The audit log can be written again');
    this.options.health.setComponent('audit', 'ready');
  }
}

function joined(first: Missed | undefined, second: Missed | undefined): Missed | undefined {
  if (!first || !second) return first ?? second;
  return { count: first.count + second.count, kinds: new Set([...first.kinds, ...second.kinds]), since: first.since };
}

/** `via` tells a person's own client from a program. */
function actorOf(request: RequestOrigin | undefined, agent: ActingAgent | undefined): AuditActor {
  const origin = request === undefined ? serverActor : clientActor(request.client);
  if (!agent) return origin;
  const { persona, conversationId, toolCallId } = agent;
  return {
    ...origin,
    kind: 'agent',
    conversationId,
    ...(persona !== undefined && { persona }),
    ...(toolCallId !== undefined && { toolCallId }),
  };
}

/** What is true of both; of two that are nothing alike, that somebody did it. */
function commonActor(one: AuditActor, other: AuditActor): AuditActor {
  if (one === other) return one;
  const facts = Object.entries(other) as [keyof AuditActor, string][];
  const common = Object.fromEntries(facts.filter(([fact, value]) => one[fact] === value));
  return { kind: 'client', ...common };
}

function clientActor({ id, kind, tokenId }: RequestOrigin['client']): AuditActor {
  const isPerson = kind === 'editor' || kind === 'commandLine';
  const token = tokenId === undefined ? {} : { token: tokenId };
  return { kind: isPerson ? 'person' : 'client', via: kind, client: id, ...token };
}

function notKept(why: string, cause?: unknown): CodedError {
  return new CodedError(
    'Unavailable',
    `This was not done, because it could not be recorded in the audit log (${why}). Make the data folder writable, with room on its disk, and try again.`,
    { args: { why }, ...(cause === undefined ? {} : { cause }) },
  );
}
