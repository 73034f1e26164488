import type { TerminalId } from '../../protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../base/handlers.ts';
import type { AuditTrail } from './ports.ts';

/** For so long one record stands for all that a token's holder types into a terminal. */
const stretchMs = 600_000;
/** Pairs of token and terminal; the one that began first is forgotten first, and recorded once more. */
const maxStretches = 4_096;

interface Stretch {
  readonly beganAtMs: number;
  readonly recorded: Promise<void>;
}

export interface InputTrailOptions {
  readonly audit: AuditTrail;
  /** Rejects where there is no such terminal, of which nothing is recorded then. */
  readonly check: (sessionId: TerminalId) => Promise<unknown>;
  readonly clock: Clock;
}

/**
 * Records who types into which terminal by way of a token, since what is typed into a shell runs: once in ten minutes, before
 * the first of it gets there. Never what is typed, which may be a password; and not the person at an editor or a command line,
 * who must be able to type where the log cannot be written, to make room on a full disk say.
 */
export class InputTrail {
  private readonly options: InputTrailOptions;
  private readonly stretches = new Map<string, Stretch>();

  constructor(options: InputTrailOptions) {
    this.options = options;
  }

  /** Resolves once `client` may type; rejects with `Unavailable` where that cannot be recorded, and with `NotFound`. */
  async admit({ tokenId }: Pick<Client, 'tokenId'>, sessionId: TerminalId): Promise<void> {
    if (tokenId === undefined) return;
    const now = this.options.clock.now();
    const name = `${tokenId} ${sessionId}`;
    let stretch = this.stretches.get(name);
    // Where the wall clock was set back, one begins that would not have.
    if (!stretch || Math.abs(now - stretch.beganAtMs) >= stretchMs) {
      stretch = this.begin(name, { beganAtMs: now, recorded: this.record(sessionId) });
    }
    await stretch.recorded;
  }

  private begin(name: string, stretch: Stretch): Stretch {
    stretch.recorded.catch(() => {
      if (this.stretches.get(name) === stretch) this.stretches.delete(name);
    });
    this.stretches.delete(name);
    this.stretches.set(name, stretch);
    const [oldest = name] = this.stretches.keys();
    if (this.stretches.size > maxStretches) this.stretches.delete(oldest);
    return stretch;
  }

  private async record(sessionId: TerminalId): Promise<void> {
    await this.options.check(sessionId);
    await this.options.audit.record({ kind: 'terminal.input', details: { sessionId } });
  }
}
