import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import type { TerminalSettings } from '../ports.ts';
import type { PtyHostClient } from '../hostClient/ptyHostClient.ts';
import { encodeCheckpoint, maxCheckpointReplayBytes } from './screenCheckpoint.ts';
import type { Screens } from './screens.ts';

/** Finding out a screen and leaving it. */
const limitMs = 20_000;
/** Times as long as a checkpoint took nothing is done, so that floods cost a quarter of a core at most. */
const restFactor = 3;
/** Far more sessions than live at a time. */
const maxServed = 1_000;

export interface ScreenCheckpointsOptions {
  readonly screens: Screens;
  readonly settings: TerminalSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Leaves screens with the pty host when it asks for them, one at a time, so that a terminal's screen is known although the
 * beginning of what is on it has left the ring.
 */
export class ScreenCheckpoints implements Disposable {
  private readonly options: ScreenCheckpointsOptions;
  /** Sessions that wait, in order; bounded by the sessions that there are. */
  private readonly due = new Map<string, PtyHostClient>();
  /** Sessions that have one from us. The first one of a session does not wait: its beginning may leave the ring soon. */
  private readonly served = new Set<string>();
  private isWorking = false;
  private rest: Disposable | undefined;
  private readonly disposal = new AbortController();

  constructor(options: ScreenCheckpointsOptions) {
    this.options = options;
  }

  /** Heeds what `host` asks for. */
  serve(host: PtyHostClient): Disposable {
    return host.onCheckpointDue(({ sessionId }) => {
      this.due.set(sessionId, host);
      this.workOff();
    });
  }

  dispose(): void {
    this.disposal.abort();
    this.rest?.dispose();
    this.due.clear();
  }

  private workOff(): void {
    if (this.isWorking || this.disposal.signal.aborted) return;
    const next = [...this.due].find(([sessionId]) => !this.rest || !this.served.has(sessionId));
    if (!next) return;
    const [sessionId, host] = next;
    this.due.delete(sessionId);
    this.noteServed(sessionId);
    this.isWorking = true;
    const startedAtMs = this.options.clock.now();
    this.leave(host, sessionId)
      .catch((error: unknown) => {
        // The host asks again, and until then has the former one.
        if (!this.disposal.signal.aborted) this.options.logger.debug('No checkpoint was left', { sessionId, error });
      })
      .finally(() => {
        this.isWorking = false;
        this.restFor((this.options.clock.now() - startedAtMs) * restFactor);
        this.workOff();
      });
  }

  private noteServed(sessionId: string): void {
    if (this.served.size >= maxServed) this.served.clear();
    this.served.add(sessionId);
  }

  private restFor(durationMs: number): void {
    if (this.disposal.signal.aborted) return;
    this.rest?.dispose();
    this.rest = this.options.clock.after(durationMs, () => {
      this.rest = undefined;
      this.workOff();
    });
  }

  private async leave(host: PtyHostClient, sessionId: string): Promise<void> {
    if (host.isClosed) return;
    const { screens, settings } = this.options;
    const signal = AbortSignal.any([this.disposal.signal, AbortSignal.timeout(limitMs)]);
    const scrollbackLines = settings.get('terminals.scrollbackLines');
    const options = { scrollbackLines, maxReplayBytes: maxCheckpointReplayBytes, want: 'replay' } as const;
    const { offset, cols, rows, replay } = await screens.of({ host, sessionId }, options, signal);
    await host.setCheckpoint(sessionId, { offset, data: encodeCheckpoint({ cols, rows, replay }) }, signal);
  }
}
