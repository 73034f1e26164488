import type { ParsedParamsOf, ResultOf } from '../../../protocol/contract.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { LastScreens } from './lastScreens.ts';
import type { ComputedScreen } from './screenJob.ts';
import type { Screens } from './screens.ts';
import type { TerminalService } from '../terminalService.ts';

/** Terminals' screens as plain text, for agents and scripts. */
export class TerminalSnapshots {
  private readonly terminals: TerminalService;
  private readonly screens: Screens;
  private readonly lastScreens: LastScreens;

  constructor(terminals: TerminalService, screens: Screens, lastScreens: LastScreens) {
    this.terminals = terminals;
    this.screens = screens;
    this.lastScreens = lastScreens;
  }

  /** Rejects with `NotFound`, and with `Unavailable` where the screen cannot be computed. */
  async take(
    { sessionId, scrollbackLines }: ParsedParamsOf<'terminal/snapshot'>,
    signal: AbortSignal,
  ): Promise<ResultOf<'terminal/snapshot'>> {
    const options = { scrollbackLines, maxReplayBytes: 0, want: 'text' } as const;
    const lost = await this.terminals.findLost(sessionId);
    if (lost) {
      const last = await this.lastScreens.of(lost, options, signal);
      if (last) return snapshotOf(last, this.lastScreens.endOf(sessionId) ?? lost.producedBytes);
      throw new CodedError('Unavailable', 'This terminal was lost with the pty host, and nobody was watching it.');
    }
    const host = await this.terminals.host();
    const screen = await this.screens.of({ host, sessionId }, options, signal);
    return snapshotOf(screen, screen.endOffset);
  }
}

function snapshotOf(
  { text, cols, rows, cursor, isAlternate, title }: Omit<ComputedScreen, 'unfinishedBytes'>,
  offset: number,
): ResultOf<'terminal/snapshot'> {
  return { text, cols, rows, cursor, isAlternateScreen: isAlternate, title, offset };
}
