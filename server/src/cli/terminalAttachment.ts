import { StringDecoder } from 'node:string_decoder';
import type { ParamsOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId, TerminalInfo, TerminalScreenData } from '../../protocol/terminal.ts';
import { DisposableStore, toDisposable } from '../base/disposable.ts';
import { BorrowedScreen } from './borrowedScreen.ts';
import type { DetachKey } from './detachKey.ts';
import type { LocalServer, ServerMessage } from './localServer.ts';

/** Why an attachment is over. */
export type AttachmentEnd =
  | { readonly kind: 'detached' }
  | { readonly kind: 'exited'; readonly exitCode: number | null; readonly signal?: number | undefined }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals };

export interface TerminalAttachmentOptions {
  readonly server: LocalServer;
  readonly terminal: TerminalInfo;
  readonly detachKey: DetachKey;
  /** Nothing typed is passed on, and the size stays as it is. */
  readonly isReadOnly: boolean;
}

/** Input that is on its way; stdin rests while it is more. */
const maxPendingChars = 262_144;
/** No input for so long: a paste is over. */
const pasteOverMs = 500;
/** After the last of many changes of size, the screen is drawn anew: the person's terminal has cut or moved what it showed. */
const redrawDelayMs = 150;
/** What the person's terminal answers to the program's last questions has this long to arrive and be dropped. */
const lastAnswersMs = 250;
const tidyUpLimitMs = 1_000;
const deviceStatusRequest = '\x1b[5n';
const deviceStatusReport = '\x1b[0n';
const bell = '\x07';
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** One terminal of the pty host, shown in the terminal that this process runs in: screen, keys and size. */
export class TerminalAttachment {
  private readonly server: LocalServer;
  private readonly options: TerminalAttachmentOptions;
  private readonly sessionId: TerminalId;
  private readonly screen: BorrowedScreen;
  private readonly store = new DisposableStore();
  private readonly over = Promise.withResolvers<AttachmentEnd>();
  private readonly decoder = new StringDecoder('utf8');
  private input: Promise<void> = Promise.resolve();
  private pendingChars = 0;
  /** Runs after input was refused: what follows it without a pause belongs to it, and is dropped with it. */
  private dropTimer: NodeJS.Timeout | undefined;
  /** Output that comes meanwhile belongs to a screen that is no longer wanted. */
  private waitsForScreen = true;
  private redrawTimer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(options: TerminalAttachmentOptions) {
    this.options = options;
    this.server = options.server;
    this.sessionId = options.terminal.sessionId;
    this.screen = new BorrowedScreen((data) => void process.stdout.write(data), options);
  }

  /** Resolves when it is over and the person's terminal is as it was before. Rejects where the terminal cannot be attached. */
  async run(): Promise<AttachmentEnd> {
    try {
      this.begin();
      await this.followSize();
      await this.redraw();
      const end = await this.over.promise;
      await this.dropLastAnswers(end);
      return end;
    } finally {
      this.isOver = true;
      this.store.dispose();
      await this.giveBack();
    }
  }

  private begin(): void {
    const { stdin, stdout } = process;
    // However this process ends, the person's terminal is given back: the last chance for it is synchronous.
    const leave = (): void => {
      this.screen.leave();
      stdin.setRawMode(false);
    };
    process.once('exit', leave);
    this.store.add(toDisposable(() => process.off('exit', leave)));
    this.store.add(
      toDisposable(() => {
        leave();
        stdin.pause();
      }),
    );
    for (const signal of endingSignals) this.on(process, signal, () => this.end({ kind: 'signalled', signal }));
    this.on(process, 'SIGCONT', () => this.resume());
    for (const stream of [stdin, stdout]) {
      this.on(stream, 'error', () => this.end({ kind: 'signalled', signal: 'SIGHUP' }));
    }
    this.on(stdin, 'end', () => this.end({ kind: 'signalled', signal: 'SIGHUP' }));
    this.on(stdin, 'data', (data) => this.typed(data as Buffer));
    this.on(stdout, 'resize', () => void this.followSize().then(() => this.redrawSoon()));
    this.store.add(toDisposable(() => clearTimeout(this.redrawTimer)));
    this.store.add(toDisposable(() => clearTimeout(this.dropTimer)));
    this.store.add(this.server.onNotification((message) => this.notified(message)));
    stdin.setRawMode(true);
    this.screen.enter();
  }

  private on(emitter: NodeJS.EventEmitter, event: string, listener: (value: unknown) => void): void {
    emitter.on(event, listener);
    this.store.add(toDisposable(() => emitter.off(event, listener)));
  }

  private end(end: AttachmentEnd): void {
    this.isOver = true;
    this.over.resolve(end);
  }

  /** After the process was stopped and goes on: whoever had the terminal meanwhile has set it up for themselves. */
  private resume(): void {
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
    this.screen.enter();
    this.redrawSoon();
  }

  private typed(data: Buffer): void {
    if (this.isOver) return;
    const key = this.options.detachKey.find(data);
    const text = this.decoder.write(key === -1 ? data : data.subarray(0, key));
    if (text !== '' && !this.options.isReadOnly) this.send(text);
    if (key !== -1) this.end({ kind: 'detached' });
  }

  /** Sends in order, one after the other. */
  private send(text: string): void {
    if (this.dropTimer) return this.dropUntilPause();
    this.pendingChars += text.length;
    if (this.pendingChars > maxPendingChars) process.stdin.pause();
    this.input = this.input
      .then(async () => {
        if (!this.dropTimer) await this.server.call('terminal/write', { sessionId: this.sessionId, data: text });
      })
      .catch(() => {
        // The program takes no more, or is gone, which is told in its own way. The rest of a paste must not follow.
        process.stdout.write(bell);
        this.dropUntilPause();
      })
      .finally(() => {
        this.pendingChars -= text.length;
        if (this.pendingChars <= maxPendingChars && !this.isOver) process.stdin.resume();
      });
  }

  private dropUntilPause(): void {
    clearTimeout(this.dropTimer);
    this.dropTimer = setTimeout(() => (this.dropTimer = undefined), pasteOverMs);
  }

  private notified({ method, params }: ServerMessage): void {
    if (!('sessionId' in params) || params.sessionId !== this.sessionId) return;
    if (method === 'terminal/output') this.show(params);
    else if (method === 'terminal/gap' && !this.waitsForScreen) this.screen.show(screenBytes(params.screen));
    else if (method === 'terminal/exited') this.end({ kind: 'exited', ...params });
    else if (method === 'terminal/detached') this.end({ kind: 'lost', reason: 'the pty host does not answer' });
    else if (method === 'terminal/changed' && params.terminal === null) {
      this.end({ kind: 'lost', reason: 'it was closed elsewhere' });
    } else if (method === 'terminal/changed' && params.terminal?.status === 'lost') {
      this.end({ kind: 'lost', reason: 'the pty host has died' });
    }
  }

  private show({ offset, data }: ParamsOf<'terminal/output'>): void {
    if (this.waitsForScreen || this.isOver) return;
    const bytes = bytesOf(data);
    const needsScreen = this.screen.output(bytes);
    // What stdout still holds comes before the empty write, whose end means that all of it is out.
    process.stdout.write('', () => {
      this.server.send('terminal/acknowledge', { sessionId: this.sessionId, offset: offset + bytes.length });
    });
    if (needsScreen) void this.redraw();
  }

  /** Asks for the screen as it is now; output goes on from there. */
  private async redraw(): Promise<void> {
    this.waitsForScreen = true;
    let screen: TerminalScreenData | undefined;
    try {
      const canAnswer = !this.options.isReadOnly;
      ({ screen } = await this.server.call('terminal/attach', { sessionId: this.sessionId, canAnswer }));
    } catch (error) {
      this.end({ kind: 'lost', reason: error instanceof CodedError ? error.message : 'the server failed' });
      return;
    }
    if (this.isOver) return;
    this.screen.show(screenBytes(screen));
    this.waitsForScreen = false;
  }

  private redrawSoon(): void {
    clearTimeout(this.redrawTimer);
    if (this.isOver) return;
    this.redrawTimer = setTimeout(() => void this.redraw(), redrawDelayMs);
  }

  /** Gives the terminal the size that the person's has. */
  private async followSize(): Promise<void> {
    const { columns: cols, rows } = process.stdout;
    if (this.options.isReadOnly || this.isOver || cols < 2) return;
    await this.resize({ cols, rows });
  }

  private async resize(size: { cols: number; rows: number }, signal?: AbortSignal): Promise<void> {
    try {
      await this.server.call('terminal/resize', { sessionId: this.sessionId, ...size }, signal);
    } catch (error) {
      // A terminal that has ended keeps its size; why else it failed is in the log.
      if (!(error instanceof CodedError)) throw error;
    }
  }

  /**
   * The program may have asked the person's terminal something just now. The answer to our own question comes last;
   * what arrives before it would otherwise stand on the command line of the shell.
   */
  private async dropLastAnswers(end: AttachmentEnd): Promise<void> {
    if (end.kind === 'signalled' && end.signal === 'SIGHUP') return;
    const answered = Promise.withResolvers<undefined>();
    let text = '';
    this.on(process.stdin, 'data', (data) => {
      text = (text + (data as Buffer).toString('latin1')).slice(-64);
      if (text.includes(deviceStatusReport)) answered.resolve(undefined);
    });
    const timer = setTimeout(() => answered.resolve(undefined), lastAnswersMs);
    process.stdin.resume();
    process.stdout.write(deviceStatusRequest);
    await answered.promise;
    clearTimeout(timer);
  }

  /** Whoever else shows this terminal shows it in the size that it had before. */
  private async giveBack(): Promise<void> {
    const { isReadOnly, terminal } = this.options;
    const { columns, rows } = process.stdout;
    if (isReadOnly || (terminal.cols === columns && terminal.rows === rows)) return;
    const signal = AbortSignal.timeout(tidyUpLimitMs);
    const { terminals } = await this.server.call('terminal/list', {}, signal).catch(() => ({ terminals: [] }));
    const now = terminals.find(({ sessionId }) => sessionId === this.sessionId);
    if (now?.status !== 'active' || now.cols !== columns || now.rows !== rows) return;
    await this.resize({ cols: terminal.cols, rows: terminal.rows }, signal);
  }
}

function screenBytes(screen: TerminalScreenData | undefined): Uint8Array | undefined {
  return screen && bytesOf(screen.data);
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  // A copy: what is written to stdout may wait there, and the server's bytes are valid during its call only.
  return typeof data === 'string' ? Buffer.from(data, 'base64') : Buffer.from(data);
}
