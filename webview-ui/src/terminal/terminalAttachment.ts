import type { ParsedParamsOf, ResultOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalInfo, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { isUp, type Bridge } from '../bridge/bridge.ts';
import type { Disposable } from '../bridge/disposable.ts';
import { errorText } from '../bridge/errorText.ts';
import type { HostContext } from '../bridge/host.ts';
import { t } from '../strings.ts';
import { toBytes } from './toBytes.ts';
import type { TerminalScreen, TerminalSize } from './terminalScreen.ts';

/** Output that was received and is not yet drawn. Beyond it the terminal is attached anew once the rest is drawn. */
const maxPendingBytes = 1_048_576;
const maxInputChars = 262_144;
const maxQueuedInputChars = 4_194_304;
/** Attaching this often without a byte in between means that asking again does not help. */
const maxAttachesInARow = 5;

export interface TerminalAttachmentEvents {
  attached(terminal: TerminalInfo): void;
  changed(terminal: TerminalInfo): void;
  failed(message: string): void;
  exited(): void;
}

/**
 * Keeps a screen at the end of a terminal's output: each byte once and in order, from the last offset after a server
 * restart, with an acknowledgement for what has been drawn so that the server sends no faster than that.
 */
export class TerminalAttachment implements Disposable {
  private readonly bridge: Bridge;
  private readonly sessionId: TerminalId;
  private readonly screen: TerminalScreen;
  private readonly events: TerminalAttachmentEvents;
  private readonly subscriptions: readonly Disposable[];
  /** Offset of the next byte expected; null before the first attach. */
  private receivedOffset: number | null = null;
  private drawnOffset = 0;
  /** Output before this offset is history: it was produced before we attached. */
  private liveFromOffset = 0;
  private hasOverflowed = false;
  private hasExited = false;
  private attachedGeneration = -1;
  private attachNumber = 0;
  private attachesInARow = 0;
  private isAttaching = false;
  private input: string[] = [];
  private inputChars = 0;
  private isSendingInput = false;
  private disposed = false;

  constructor(bridge: Bridge, terminalId: string, screen: TerminalScreen, events: TerminalAttachmentEvents) {
    this.bridge = bridge;
    // The server checks the shape of the id.
    this.sessionId = terminalId as TerminalId;
    this.screen = screen;
    this.events = events;
    this.subscriptions = [
      bridge.onContext((context) => this.receiveContext(context)),
      bridge.onNotification('terminal/output', (params) => this.receiveOutput(params)),
      bridge.onNotification('terminal/gap', (params) => this.receiveGap(params)),
      bridge.onNotification('terminal/exited', (params) => this.receiveExit(params)),
      bridge.onNotification('terminal/changed', ({ sessionId, terminal }) => {
        if (sessionId !== this.sessionId) return;
        if (terminal === null) this.end(t('terminal.closed'));
        else events.changed(terminal);
      }),
      screen.onInput((data) => this.type(data)),
    ];
    if (bridge.context !== null) this.receiveContext(bridge.context);
  }

  /** Bytes received and not yet drawn. */
  get pendingBytes(): number {
    return (this.receivedOffset ?? this.drawnOffset) - this.drawnOffset;
  }

  /** Attaches from the last byte received, or with the screen as it is at first. */
  async attach(): Promise<void> {
    const number = ++this.attachNumber;
    const sessionId = this.sessionId;
    this.attachesInARow++;
    this.isAttaching = true;
    try {
      const fromOffset = this.receivedOffset;
      const params = fromOffset === null ? { sessionId } : { sessionId, fromOffset };
      const answer = await this.bridge.request('terminal/attach', params);
      if (!this.disposed && number === this.attachNumber) this.begin(answer);
    } catch (error) {
      if (!this.disposed && number === this.attachNumber) this.events.failed(errorText(error));
    } finally {
      if (number === this.attachNumber) this.isAttaching = false;
    }
  }

  /** Sends input in pieces, one after the other, so that their order holds. */
  type(data: string): void {
    if (this.disposed || this.hasExited || data === '') return;
    if (this.inputChars + data.length > maxQueuedInputChars) {
      this.screen.showNotice(t('terminal.writeFailed', { reason: t('error.tooManyRequests') }));
      return;
    }
    for (let start = 0; start < data.length; start += maxInputChars) {
      this.input.push(data.slice(start, start + maxInputChars));
    }
    this.inputChars += data.length;
    void this.sendInput();
  }

  async resize(size: TerminalSize): Promise<void> {
    if (this.disposed || this.hasExited) return;
    try {
      await this.bridge.request('terminal/resize', { sessionId: this.sessionId, ...size });
    } catch (error) {
      // A terminal that is gone has said so itself; for any other failure the person sees why the lines wrap wrongly.
      if (this.bridge.context?.serverState === 'ready') this.notifyPerson(`[${errorText(error)}]`);
    }
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const subscription of this.subscriptions) subscription.dispose();
    if (this.attachNumber === 0) return;
    this.bridge.request('terminal/detach', { sessionId: this.sessionId }).catch((error: unknown) => {
      // Without a server, or a terminal, there is no attachment left to end; anything else is a fault of ours.
      const isExpected = error instanceof CodedError && ['Unavailable', 'NotFound', 'Cancelled'].includes(error.reason);
      if (!isExpected) throw error;
    });
  }

  private receiveContext(context: HostContext): void {
    if (!isUp(context.serverState) || context.serverGeneration === this.attachedGeneration) return;
    this.attachedGeneration = context.serverGeneration;
    void this.attach();
  }

  private begin({ terminal, fromOffset, screen }: ResultOf<'terminal/attach'>): void {
    const isFirst = this.receivedOffset === null;
    if (isFirst) {
      this.receivedOffset = fromOffset;
      this.drawnOffset = fromOffset;
    }
    this.liveFromOffset = terminal.producedBytes;
    this.screen.setReplaying(this.drawnOffset < this.liveFromOffset);
    if (isFirst && screen) {
      // Before it is drawn the size must not change.
      this.screen.replace(screenOf(screen), () => !this.disposed && this.events.attached(terminal));
      return;
    }
    this.events.attached(terminal);
    this.skipTo(fromOffset, screen);
  }

  private receiveOutput({ sessionId, offset, data }: ParsedParamsOf<'terminal/output'>): void {
    const expected = this.receivedOffset;
    // Before our own attach is answered, output is meant for other viewers of this window.
    if (sessionId !== this.sessionId || expected === null || this.hasOverflowed) return;
    const bytes = toBytes(data);
    const end = offset + bytes.length;
    // Another viewer may have asked for older output; what was already received is left out.
    if (end <= expected) return;
    if (offset > expected) {
      this.attachAfterHole();
      return;
    }
    this.attachesInARow = 0;
    this.receivedOffset = end;
    this.draw(bytes.subarray(expected - offset), expected);
    if (this.pendingBytes > maxPendingBytes) this.hasOverflowed = true;
  }

  private attachAfterHole(): void {
    if (this.isAttaching) return;
    if (this.attachesInARow < maxAttachesInARow) void this.attach();
    else this.events.failed(t('terminal.outputMissing'));
  }

  /** History and live output go to the screen apart, so that it knows which of the program's questions are old. */
  private draw(bytes: Uint8Array, offset: number): void {
    const historyBytes = Math.min(Math.max(0, this.liveFromOffset - offset), bytes.length);
    for (const piece of [bytes.subarray(0, historyBytes), bytes.subarray(historyBytes)]) {
      if (piece.length > 0) this.screen.write(piece, () => this.acknowledge(piece.length));
    }
  }

  private acknowledge(bytes: number): void {
    if (this.disposed) return;
    this.drawnOffset += bytes;
    if (this.drawnOffset >= this.liveFromOffset) this.screen.setReplaying(false);
    this.bridge.notify('terminal/acknowledge', { sessionId: this.sessionId, offset: this.drawnOffset });
    if (this.hasOverflowed && this.pendingBytes === 0) {
      this.hasOverflowed = false;
      void this.attach();
    }
  }

  private receiveGap({ sessionId, toOffset, screen }: ParsedParamsOf<'terminal/gap'>): void {
    if (sessionId === this.sessionId && !this.hasOverflowed) this.skipTo(toOffset, screen);
  }

  /** Goes on at `offset`: from a screen, or with a line that says that output was lost for good. */
  private skipTo(offset: number, screen: TerminalScreenData | undefined): void {
    const expected = this.receivedOffset;
    if (expected === null || offset <= expected) return;
    this.receivedOffset = offset;
    const skipped = (): void => this.acknowledge(offset - expected);
    if (screen) {
      this.screen.replace(screenOf(screen), skipped);
      return;
    }
    this.screen.showNotice(t('terminal.gap', { count: offset - expected }));
    // Nothing of a gap has to be drawn, yet it comes after everything that has.
    this.screen.write(new Uint8Array(), skipped);
  }

  private receiveExit({ sessionId, exitCode, signal }: ParsedParamsOf<'terminal/exited'>): void {
    // With output left out the exit would come too early; attaching again brings both, in order.
    if (sessionId !== this.sessionId || this.receivedOffset === null || this.hasOverflowed) return;
    this.end(exitText(exitCode, signal));
  }

  /** Says how the terminal has ended, and takes no more input for it. */
  private end(notice: string): void {
    if (this.hasExited) return;
    this.hasExited = true;
    this.input = [];
    this.inputChars = 0;
    this.screen.showNotice(notice);
    this.events.exited();
  }

  private async sendInput(): Promise<void> {
    if (this.isSendingInput) return;
    this.isSendingInput = true;
    try {
      for (let data = this.input.shift(); data !== undefined && !this.disposed; data = this.input.shift()) {
        this.inputChars -= data.length;
        data += this.takeShortInput(data.length);
        await this.bridge.request('terminal/write', { sessionId: this.sessionId, data });
      }
    } catch (error) {
      // Input typed blindly into a terminal that may not have got the first half would do harm.
      this.input = [];
      this.inputChars = 0;
      this.notifyPerson(t('terminal.writeFailed', { reason: errorText(error) }));
    } finally {
      this.isSendingInput = false;
    }
  }

  private notifyPerson(text: string): void {
    if (!this.disposed) this.screen.showNotice(text);
  }

  /** Keys that were typed while an earlier write was under way travel together. */
  private takeShortInput(charsBefore: number): string {
    let taken = '';
    for (let next = this.input[0]; next !== undefined; next = this.input[0]) {
      if (charsBefore + taken.length + next.length > maxInputChars) break;
      this.input.shift();
      this.inputChars -= next.length;
      taken += next;
    }
    return taken;
  }
}

function screenOf({ data, cols, rows }: TerminalScreenData): { data: Uint8Array; size: TerminalSize } {
  return { data: toBytes(data), size: { cols, rows } };
}

function exitText(exitCode: number | null, signal: number | undefined): string {
  if (exitCode !== null) return t('terminal.exited', { code: exitCode });
  return signal === undefined ? t('terminal.exitedUnknown') : t('terminal.exitedBySignal', { signal });
}
