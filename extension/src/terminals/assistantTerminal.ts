import * as vscode from 'vscode';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { messageFor, showError } from '../errors.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import { InputQueue } from './inputQueue.ts';
import { exitText, notice, TerminalScreen } from './terminalScreen.ts';
import type { TerminalHub } from './terminalHub.ts';

export interface TerminalServices {
  readonly client: Pick<ServerClient, 'request'>;
  readonly hub: TerminalHub;
  readonly clock: Clock;
  readonly log: Log;
  /** A tab has got its first size: VS Code lays out only what stands in a panel that is open. */
  readonly onLaidOut?: () => void;
}

/** A shell that is to be started, or a terminal that is there already. */
export type TerminalOrigin =
  | { readonly kind: 'create'; readonly params: Omit<ParamsOf<'terminal/create'>, 'cols' | 'rows'> }
  | { readonly kind: 'attach'; readonly terminal: TerminalInfo };

interface Size {
  readonly cols: number;
  readonly rows: number;
}

/**
 * A VS Code terminal whose shell lives in the pty host. Closing it here only lets go: a reload closes it too, and what
 * the person wanted is known only to `vscode.window.onDidCloseTerminal`.
 */
export class AssistantTerminal implements vscode.Pseudoterminal {
  private readonly services: TerminalServices;
  private readonly origin: TerminalOrigin;
  private readonly written = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<number | undefined>();
  private readonly renamed = new vscode.EventEmitter<string>();
  private readonly identified = new vscode.EventEmitter<TerminalId>();
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event as NonNullable<vscode.Pseudoterminal['onDidClose']>;
  readonly onDidChangeName = this.renamed.event;
  /** Fires when it is known which terminal this is. */
  readonly onDidIdentify = this.identified.event;

  private readonly screen: TerminalScreen;
  private readonly input: InputQueue;
  /** Resolves when the terminal can take input, or never will. */
  private readonly opened = Promise.withResolvers<undefined>();
  private sessionId_: TerminalId | undefined;
  private name: string | undefined;
  private wantedSize: Size | undefined;
  private hasSize: Size | undefined;
  private isResizing = false;
  private state: 'opening' | 'open' | 'exited' | 'closed' = 'opening';
  private hasEnded_ = false;

  constructor(services: TerminalServices, origin: TerminalOrigin) {
    this.services = services;
    this.origin = origin;
    if (origin.kind === 'attach') this.sessionId_ = origin.terminal.sessionId;
    this.screen = new TerminalScreen({
      hub: services.hub,
      clock: services.clock,
      write: (text) => this.written.fire(text),
      events: { onExited: (code, signal) => this.exited(code, signal), onForgotten: () => this.end() },
    });
    this.input = new InputQueue(
      (data) => this.send(data),
      (error) => this.inputLost(error),
    );
  }

  /** Which terminal this is, once that is known. */
  get sessionId(): TerminalId | undefined {
    return this.sessionId_;
  }

  /** Whether an agent runs what is shown. */
  get isOfAgent(): boolean {
    return this.origin.kind === 'attach' && this.origin.terminal.owner.kind === 'agent';
  }

  /** Takes over what has changed about the terminal: its name, or that it was lost together with the pty host. */
  update({ name, status }: TerminalInfo): void {
    // VS Code listens only once it has opened its terminal; what is true then is read then.
    if (this.state === 'closed' || this.state === 'opening') return;
    if (name !== this.name) this.renamed.fire((this.name = name));
    if (status !== 'lost' || this.state === 'exited') return;
    this.state = 'exited';
    this.hasEnded_ = true;
    this.written.fire(
      notice(vscode.l10n.t('this terminal was lost with the process that held it; press any key to close')),
    );
  }

  /** Its program is over, or was lost with its pty host. A tab also closes by itself where its terminal could not be shown. */
  get hasEnded(): boolean {
    return this.hasEnded_;
  }

  open(dimensions: vscode.TerminalDimensions | undefined): void {
    if (dimensions) this.laidOut(dimensions);
    const { log } = this.services;
    this.begin().catch((error: unknown) => {
      if (this.state === 'closed') return;
      showError(error, log);
      this.end();
    });
  }

  close(): void {
    this.state = 'closed';
    this.screen.dispose();
    this.input.clear();
    this.opened.resolve(undefined);
    for (const emitter of [this.written, this.closed, this.renamed, this.identified]) emitter.dispose();
  }

  handleInput(data: string): void {
    const typed = this.screen.typed(data);
    if (typed === '' || this.state === 'closed') return;
    if (this.state === 'exited') this.end();
    else this.input.push(typed);
  }

  /** Comes several times, and also while the terminal is still being opened. */
  setDimensions(dimensions: vscode.TerminalDimensions): void {
    this.laidOut(dimensions);
    if (this.state === 'open') logFailure(this.services.log, 'Resizing a terminal', this.resize());
  }

  private laidOut(dimensions: vscode.TerminalDimensions): void {
    if (!this.wantedSize) this.services.onLaidOut?.();
    this.wantedSize = sizeOf(dimensions);
  }

  private async begin(): Promise<void> {
    const sessionId = this.sessionId_ ?? (await this.create());
    // A new shell may ask what terminal it has: it must get its answer. What an older one has asked is answered already.
    if (this.origin.kind === 'attach') await this.resizeFirst(sessionId);
    const watch = await this.screen.show(sessionId, this.origin.kind === 'create' ? 'start' : 'screen');
    if (this.isClosed()) return;
    if (this.origin.kind === 'attach') this.hasSize = { cols: watch.terminal.cols, rows: watch.terminal.rows };
    // The program may have ended while this was on its way, which is then already told.
    if (this.state === 'opening') this.state = 'open';
    this.update(watch.terminal);
    this.opened.resolve(undefined);
    if (watch.terminal.status === 'active') await this.resize();
  }

  private async create(): Promise<TerminalId> {
    if (this.origin.kind === 'attach') return this.origin.terminal.sessionId;
    const size = this.wantedSize;
    const { sessionId } = await this.services.client.request('terminal/create', { ...this.origin.params, ...size });
    this.hasSize = size;
    this.sessionId_ = sessionId;
    // Closed in the meantime: the person does not want it any more.
    if (this.isClosed()) await this.services.client.request('terminal/close', { sessionId });
    else this.identified.fire(sessionId);
    return sessionId;
  }

  /** The screen is laid out for the size that it will be shown in. */
  private async resizeFirst(sessionId: TerminalId): Promise<void> {
    const size = this.wantedSize;
    if (!size) return;
    const { client, log } = this.services;
    await client.request('terminal/resize', { sessionId, ...size }).then(undefined, (error: unknown) => {
      // One that has ended keeps its size; that one is gone is told by what follows.
      log.debug(`Terminal ${sessionId} was not resized: ${describeError(error)}`);
    });
  }

  private async resize(): Promise<void> {
    if (this.isResizing) return;
    this.isResizing = true;
    try {
      for (let size = this.wantedSize; size && !isSame(size, this.hasSize); size = this.wantedSize) {
        if (this.state !== 'open' || !this.sessionId_) return;
        await this.services.client.request('terminal/resize', { sessionId: this.sessionId_, ...size });
        this.hasSize = size;
      }
    } finally {
      this.isResizing = false;
    }
  }

  private async send(data: string): Promise<void> {
    // What is typed while the shell is being started waits for it.
    await this.opened.promise;
    if (this.state === 'open' && this.sessionId_) {
      await this.services.client.request('terminal/write', { sessionId: this.sessionId_, data });
    }
  }

  private inputLost(error: unknown): void {
    if (this.state === 'closed' || this.state === 'exited') return;
    const why = error === undefined ? vscode.l10n.t('too much input is waiting') : messageFor(error);
    this.written.fire(notice(vscode.l10n.t('What you typed did not arrive: {0}', why)));
  }

  /**
   * Ends like VS Code's own terminals: at once after success, else with a line that says how, until a key is pressed.
   * Who opens a terminal that has ended already wants to read it.
   */
  private exited(exitCode: number | null, signal: number | undefined): void {
    this.hasEnded_ = true;
    if (this.state === 'closed') return;
    const wasOver = this.origin.kind === 'attach' && this.origin.terminal.status !== 'active';
    if (exitCode === 0 && !wasOver) {
      this.end();
      return;
    }
    this.state = 'exited';
    this.written.fire(notice(vscode.l10n.t('{0}; press any key to close', exitText(exitCode, signal))));
  }

  /** Without a code, since VS Code shows a message of its own for every code but 0. */
  private end(): void {
    if (this.state !== 'closed') this.closed.fire(undefined);
  }

  private isClosed(): boolean {
    return this.state === 'closed';
  }
}

function sizeOf({ columns, rows }: vscode.TerminalDimensions): Size {
  // A panel that is being laid out can be narrower than what the contract allows.
  return { cols: clamp(columns, 2), rows: clamp(rows, 1) };
}

function clamp(value: number, min: number): number {
  return Math.min(Math.max(Math.trunc(value), min), 1_000);
}

function isSame(one: Size, other: Size | undefined): boolean {
  return one.cols === other?.cols && one.rows === other.rows;
}
