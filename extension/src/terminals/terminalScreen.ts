import * as vscode from 'vscode';
import type { TerminalId, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { takeAnswers } from './drainProbes.ts';
import { PacedWriter } from './pacedWriter.ts';
import type { TerminalHub } from './terminalHub.ts';
import type { TerminalViewer, TerminalWatch } from './terminalViewer.ts';

export interface ScreenEvents {
  /** The program has ended, and everything it wrote is on the screen. */
  readonly onExited: (exitCode: number | null, signal: number | undefined) => void;
  /** The terminal is gone from the server. */
  readonly onForgotten: () => void;
}

export interface ScreenOptions {
  readonly hub: TerminalHub;
  readonly clock: Clock;
  readonly write: (text: string) => void;
  readonly events: ScreenEvents;
  /** What stands in the VS Code terminal already is to stay: no screen replaces it, and what is missing is named. */
  readonly keepsBefore?: boolean;
}

/** Shows one terminal's output in a VS Code terminal, at its pace, with a line of our own where something is missing. */
export class TerminalScreen implements Disposable {
  private readonly options: ScreenOptions;
  private readonly writer: PacedWriter;
  private watch: TerminalWatch | undefined;
  private tab: Disposable | undefined;
  private disposed = false;

  constructor(options: ScreenOptions) {
    this.options = options;
    this.writer = new PacedWriter(options.clock, options.write, (offset) => this.watch?.acknowledge(offset));
  }

  /** Begins to show the terminal, from its first byte or with the screen as it is now. */
  async show(sessionId: TerminalId, from: 'start' | 'screen'): Promise<TerminalWatch> {
    const { hub, events, write } = this.options;
    const viewer: TerminalViewer = {
      onOutput: (data, offset) => this.writer.push(data, offset),
      onGap: (fromOffset, toOffset, screen) => {
        if (!this.replace(screen)) this.writer.afterAll(() => write(notice(gapText(toOffset - fromOffset))));
      },
      onExited: (exitCode, signal) => this.writer.afterAll(() => events.onExited(exitCode, signal)),
      onLost: () => this.writer.afterAll(() => write(notice(lostText()))),
      onForgotten: () => this.writer.afterAll(() => events.onForgotten()),
    };
    const watch = await hub.watch(sessionId, viewer, from === 'start' ? 0 : undefined);
    if (this.disposed) {
      watch.dispose();
      return watch;
    }
    this.watch = watch;
    this.tab = hub.showsInTab(sessionId);
    this.replace(watch.screen);
    return watch;
  }

  /** What was typed of `input`, which may also hold what VS Code's terminal has answered to the writer. */
  typed(input: string): string {
    const { typed, answered } = takeAnswers(input);
    for (const mode of answered) this.writer.answered(mode);
    return typed;
  }

  private replace(screen: TerminalScreenData | undefined): boolean {
    // Over this channel bytes arrive as bytes.
    if (this.options.keepsBefore || !(screen?.data instanceof Uint8Array)) return false;
    this.writer.pushScreen(screen.data);
    return true;
  }

  dispose(): void {
    this.disposed = true;
    this.watch?.dispose();
    this.tab?.dispose();
    this.writer.dispose();
  }
}

/** A line of our own, dim and in brackets, so that nobody takes it for the program's. */
export function notice(text: string): string {
  return `\r\n\x1b[0;2m[${text}]\x1b[0m\r\n`;
}

/** How a program ended, in words. */
export function exitText(exitCode: number | null, signal: number | undefined): string {
  return exitCode === null
    ? vscode.l10n.t('ended by signal {0}', signal ?? '?')
    : vscode.l10n.t('exited with code {0}', exitCode);
}

function lostText(): string {
  return vscode.l10n.t(
    'the connection to this terminal was lost, while its program goes on; restart the AI Assistant server to connect again',
  );
}

function gapText(bytes: number): string {
  return vscode.l10n.t('{0} bytes of earlier output are no longer kept', bytes);
}
