import type { ParsedParamsOf, ResultOf } from '../../protocol/contract.ts';
import type { Screens } from './screens.ts';
import type { TerminalService } from './terminalService.ts';

/** Terminals' screens as plain text, for agents and scripts. */
export class TerminalSnapshots {
  private readonly terminals: TerminalService;
  private readonly screens: Screens;

  constructor(terminals: TerminalService, screens: Screens) {
    this.terminals = terminals;
    this.screens = screens;
  }

  /** Rejects with `NotFound`, and with `Unavailable` where the screen cannot be computed. */
  async take(
    { sessionId, scrollbackLines }: ParsedParamsOf<'terminal/snapshot'>,
    signal: AbortSignal,
  ): Promise<ResultOf<'terminal/snapshot'>> {
    const host = await this.terminals.host();
    const options = { scrollbackLines, maxReplayBytes: 0, want: 'text' } as const;
    const screen = await this.screens.of({ host, sessionId }, options, signal);
    const { text, cols, rows, cursor, isAlternate, title, endOffset } = screen;
    return { text, cols, rows, cursor, isAlternateScreen: isAlternate, title, offset: endOffset };
  }
}
