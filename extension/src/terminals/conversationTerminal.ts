import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { messageFor } from '../errors.ts';
import { describeError, logFailure } from '../log.ts';
import type { TerminalServices } from './assistantTerminal.ts';
import { InputQueue } from './inputQueue.ts';
import { exitText, notice, TerminalScreen } from './terminalScreen.ts';

/** A command that has ended, with what the agent was given of its output. */
export type PastCommand = ResultOf<'session/commands'>['commands'][number];

interface Running {
  readonly sessionId: TerminalId;
  readonly screen: TerminalScreen;
}

/** Commands that wait for their turn on the screen; each of them runs already. */
const maxWaiting = 100;

/**
 * One VS Code terminal for the commands of one conversation. Each command is a pty of its own; here they follow one
 * another under their command lines. What the person types goes to the command that runs.
 */
export class ConversationTerminal implements vscode.Pseudoterminal {
  private readonly services: TerminalServices;
  private readonly written = new vscode.EventEmitter<string>();
  private readonly renamed = new vscode.EventEmitter<string>();
  readonly onDidWrite = this.written.event;
  readonly onDidChangeName = this.renamed.event;

  private readonly past: Promise<readonly PastCommand[]>;
  private readonly input: InputQueue;
  private readonly waiting: TerminalInfo[] = [];
  private running: Running | undefined;
  private dimensions: vscode.TerminalDimensions | undefined;
  private state: 'closed' | 'opening' | 'open' = 'opening';

  /** `past` is shown before all that is added; commands wait for it. */
  constructor(services: TerminalServices, past: Promise<readonly PastCommand[]>) {
    this.services = services;
    this.past = past;
    this.input = new InputQueue(
      (data) => this.send(data),
      (error) => this.written.fire(notice(error === undefined ? vscode.l10n.t('too much input') : messageFor(error))),
    );
  }

  /** The command that is shown now, as long as it runs. */
  get runningId(): TerminalId | undefined {
    return this.running?.sessionId;
  }

  open(dimensions: vscode.TerminalDimensions | undefined): void {
    if (dimensions) this.laidOut(dimensions);
    this.past.then(
      (commands) => this.begin(commands.map(textOfPast).join('')),
      (error: unknown) => this.begin(notice(messageFor(error))),
    );
  }

  close(): void {
    this.state = 'closed';
    this.running?.screen.dispose();
    this.input.clear();
    this.written.dispose();
    this.renamed.dispose();
  }

  handleInput(data: string): void {
    // What a command before this one was answered late is nobody's input either.
    const typed = this.running ? this.running.screen.typed(data) : '';
    if (typed !== '') this.input.push(typed);
  }

  setDimensions(dimensions: vscode.TerminalDimensions): void {
    this.laidOut(dimensions);
    if (this.running) this.resize(this.running.sessionId);
  }

  rename(name: string): void {
    if (this.state !== 'closed') this.renamed.fire(name);
  }

  /** Shows a command of the conversation, after those before it. */
  add(terminal: TerminalInfo): void {
    if (this.state === 'closed') return;
    if (this.waiting.length >= maxWaiting) this.waiting.shift();
    this.waiting.push(terminal);
    this.showNext();
  }

  /** A command of this conversation goes on elsewhere, and those after it need not wait for its end. */
  release(sessionId: TerminalId): void {
    const place = this.waiting.findIndex((waiting) => waiting.sessionId === sessionId);
    const [waiting] = place < 0 ? [] : this.waiting.splice(place, 1);
    const text = notice(vscode.l10n.t('goes on in the background, in a tab of its own'));
    if (this.running?.sessionId === sessionId) this.ended(text);
    else if (waiting?.owner.kind === 'agent' && this.state === 'open')
      this.written.fire(`${titleOf(waiting.owner.commandLine)}${text}`);
  }

  private laidOut(dimensions: vscode.TerminalDimensions): void {
    if (!this.dimensions) this.services.onLaidOut?.();
    this.dimensions = dimensions;
  }

  private begin(text: string): void {
    if (this.state === 'closed') return;
    this.state = 'open';
    if (text !== '') this.written.fire(text);
    this.showNext();
  }

  private showNext(): void {
    if (this.running || this.state !== 'open') return;
    const terminal = this.waiting.shift();
    if (terminal?.owner.kind !== 'agent') return;
    const { sessionId, owner } = terminal;
    const screen = new TerminalScreen({
      ...this.services,
      write: (text) => this.written.fire(text),
      // The commands before it are above.
      keepsBefore: true,
      events: {
        onExited: (code, signal) => this.ended(notice(exitText(code, signal))),
        onForgotten: () => this.ended(notice(vscode.l10n.t('ended'))),
      },
    });
    this.running = { sessionId, screen };
    this.written.fire(titleOf(owner.commandLine));
    screen.show(sessionId, 'start').then(
      () => this.resize(sessionId),
      (error: unknown) => {
        this.services.log.debug(`Command ${sessionId} could not be shown: ${describeError(error)}`);
        this.ended(notice(messageFor(error)));
      },
    );
  }

  private ended(lastLine: string): void {
    if (this.state === 'closed' || !this.running) return;
    this.running.screen.dispose();
    this.running = undefined;
    this.input.clear();
    this.written.fire(lastLine);
    this.showNext();
  }

  private resize(sessionId: TerminalId): void {
    const { dimensions } = this;
    if (!dimensions || this.running?.sessionId !== sessionId) return;
    const size = { cols: Math.max(dimensions.columns, 2), rows: Math.max(dimensions.rows, 1) };
    const { client, log } = this.services;
    logFailure(log, 'Resizing a command', client.request('terminal/resize', { sessionId, ...size }));
  }

  private async send(data: string): Promise<void> {
    const { running } = this;
    if (running) await this.services.client.request('terminal/write', { sessionId: running.sessionId, data });
  }
}

function titleOf(commandLine: string): string {
  return `\x1b[0;1m$ ${asLines(commandLine)}\x1b[0m\r\n`;
}

function textOfPast({ commandLine, output, exitCode, signal }: PastCommand): string {
  return `${titleOf(commandLine)}${asLines(output)}${notice(exitText(exitCode, signal))}`;
}

/** Text of several lines, without the control characters that a model could put into it. */
function asLines(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters that a terminal would obey
  const harmless = text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '�');
  return harmless.replaceAll('\n', '\r\n');
}
