import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { AuditKind } from './auditEvents.ts';
import { draftOf } from './auditChain.ts';
import type { RecordDraft } from './chainFile.ts';

const windowMs = 60_000;
const maxPerWindow = 20;

interface Window {
  admitted: number;
  more: number;
  readonly timer: Disposable;
}

/**
 * Lets the first 20 events of a kind pass in any minute; the rest is counted, and told in one record as the minute ends.
 * Else whoever can reach the door without a token could fill the disk.
 */
export class FloodGate implements Disposable {
  private readonly clock: Clock;
  private readonly tell: (draft: RecordDraft) => void;
  private readonly windows = new Map<AuditKind, Window>();

  constructor(clock: Clock, tell: (draft: RecordDraft) => void) {
    this.clock = clock;
    this.tell = tell;
  }

  admits({ kind }: RecordDraft): boolean {
    let window = this.windows.get(kind);
    if (!window) {
      window = { admitted: 0, more: 0, timer: this.clock.after(windowMs, () => this.end(kind)) };
      this.windows.set(kind, window);
    }
    if (window.admitted < maxPerWindow) {
      window.admitted += 1;
      return true;
    }
    window.more += 1;
    return false;
  }

  /** Tells what was counted so far. */
  dispose(): void {
    for (const kind of [...this.windows.keys()]) this.end(kind);
  }

  private end(kind: AuditKind): void {
    const window = this.windows.get(kind);
    this.windows.delete(kind);
    window?.timer.dispose();
    if (window && window.more > 0)
      this.tell(draftOf(kind, this.clock.now(), { alike: window.more, withinMs: windowMs }));
  }
}
