import type { SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';

/** Short enough for the eye to see a stream, long enough to save the disk from one sync a token. */
const flushAfterMs = 40;
const flushAtChars = 2_048;
/** One chunk stays far below the contract's limit of a content block. */
const maxChunkChars = 65_536;
/** Text on its way to the disk; beyond it the network has to wait. */
const maxUnsettledChars = 262_144;

/** Kinds of text that a model streams. */
export type StreamKind = 'text' | 'thought';

/**
 * Collects the tokens of one model call to chunks and appends these in order. `stepId` names the answer. The owner calls
 * `end` once. An append that failed makes the next `push`, and `end`, reject.
 */
export class StreamCoalescer {
  private readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
  private readonly clock: Clock;
  private readonly stepId: string;
  private readonly unsettled = new Set<Promise<void>>();
  private unsettledChars = 0;
  private failure: { readonly error: unknown } | undefined;
  private kind: StreamKind = 'text';
  private pending = '';
  private timer: Disposable | undefined;

  constructor(options: {
    readonly append: (updates: readonly SessionUpdate[]) => Promise<unknown>;
    readonly clock: Clock;
    readonly stepId: string;
  }) {
    this.append = options.append;
    this.clock = options.clock;
    this.stepId = options.stepId;
  }

  /** Takes text. Resolves when more may come. */
  async push(kind: StreamKind, text: string): Promise<void> {
    this.throwFailure();
    if (text.length === 0) return;
    if (kind !== this.kind) this.flush();
    this.kind = kind;
    this.pending += text;
    if (this.pending.length >= flushAtChars) this.flush();
    else this.timer ??= this.clock.after(flushAfterMs, () => this.flush());
    while (this.unsettledChars > maxUnsettledChars) await Promise.race(this.unsettled);
    this.throwFailure();
  }

  /** Hands over what has been collected, so that an update appended after this call comes after the text. */
  flush(): void {
    this.timer?.dispose();
    this.timer = undefined;
    const text = this.pending;
    this.pending = '';
    let start = 0;
    while (start < text.length) {
      const end = chunkEnd(text, start);
      this.send(text.slice(start, end));
      start = end;
    }
  }

  /** Flushes and waits for everything to be durable. */
  async end(): Promise<void> {
    this.flush();
    await Promise.all(this.unsettled);
    this.throwFailure();
  }

  private send(text: string): void {
    this.unsettledChars += text.length;
    const content = { type: 'text' as const, text };
    const update: SessionUpdate =
      this.kind === 'text'
        ? { sessionUpdate: 'agent_message_chunk', messageId: this.stepId, content }
        : { sessionUpdate: 'agent_thought_chunk', messageId: `${this.stepId}.thought`, content };
    const settled = this.append([update])
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .then(() => {
        this.unsettledChars -= text.length;
        this.unsettled.delete(settled);
      });
    this.unsettled.add(settled);
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}

/** Where to cut, never between the two halves of a character outside the basic plane. */
function chunkEnd(text: string, start: number): number {
  const end = Math.min(start + maxChunkChars, text.length);
  if (end === text.length) return end;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
}
