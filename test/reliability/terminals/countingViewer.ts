import assert from 'node:assert/strict';
import headless from '@xterm/headless';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import { waitFor } from '../../support/waitFor.ts';
import type { ServerMessage, WindowServer } from '../../support/windowServer.ts';
import { assertCounted, linesBefore } from './countedOutput.ts';

/**
 * A viewer of the counting program, which checks every byte that it is given against the offset where it stands, and
 * every screen against what the program had printed by then.
 */
export class CountingViewer {
  /** Where the next byte must stand. */
  nextOffset = 0;
  isAcknowledging = true;
  isLost = false;
  exit: { exitCode: number | null; signal: number | undefined } | undefined;
  private readonly sessionId: TerminalId;
  private server: WindowServer | undefined;
  private isAttaching = false;
  /** Screens that came in place of output. */
  screens = 0;
  private failure: Error | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(sessionId: TerminalId) {
    this.sessionId = sessionId;
  }

  /** Attaches where it stopped. */
  attach(server: WindowServer): Promise<void> {
    return this.begin(server, { sessionId: this.sessionId, fromOffset: this.nextOffset });
  }

  /** Attaches as one that has seen nothing yet. */
  attachAfresh(server: WindowServer): Promise<void> {
    return this.begin(server, { sessionId: this.sessionId });
  }

  giveCredit(): void {
    this.isAcknowledging = true;
    this.acknowledge();
  }

  /** Waits until output comes: a viewer that came back in the middle of a flood must never find it standing still. */
  async untilFlowing(): Promise<void> {
    const before = this.nextOffset;
    await waitFor('the output to go on', async () => {
      await this.assertSound();
      assert.equal(this.server?.hasExited, false, 'the server lives');
      return this.nextOffset > before + 100_000;
    });
  }

  /** Rejects with what was found wrong on the way. */
  async assertSound(): Promise<void> {
    await this.looking;
    if (this.failure !== undefined) throw this.failure;
  }

  private async begin(server: WindowServer, params: ParamsOf<'terminal/attach'>): Promise<void> {
    this.server = server;
    this.isAttaching = true;
    server.onNotification = (message) => this.take(message);
    await server.call('terminal/attach', params, ({ fromOffset, screen }) => {
      this.isAttaching = false;
      this.nextOffset = fromOffset;
      this.look(screen);
    });
    if (params.fromOffset !== undefined) assert.ok(this.nextOffset >= params.fromOffset, 'no byte is given twice');
    await this.assertSound();
  }

  private take(message: ServerMessage): void {
    try {
      this.check(message);
    } catch (error) {
      this.failure ??= error as Error;
    }
  }

  private check({ method, params }: ServerMessage): void {
    if (!('sessionId' in params) || params.sessionId !== this.sessionId) return;
    if (method === 'terminal/output') this.output(params);
    else if (method === 'terminal/gap') {
      // A gap at the start of an attachment was told by where the attachment began.
      assert.ok(
        params.fromOffset <= this.nextOffset && params.toOffset >= this.nextOffset,
        'a gap begins where output stopped',
      );
      this.nextOffset = params.toOffset;
      this.look(params.screen);
    } else if (method === 'terminal/exited') {
      this.exit = { exitCode: params.exitCode, signal: params.signal };
    } else if (method === 'terminal/changed') {
      if (params.terminal === null || params.terminal.status === 'lost') this.isLost = true;
    }
  }

  private output({ offset, data }: ParamsOf<'terminal/output'>): void {
    // What is still on its way from the attachment that is being replaced.
    if (this.isAttaching) return;
    assert.ok(data instanceof Uint8Array);
    assert.equal(this.exit, undefined, 'nothing comes after the exit');
    assert.equal(offset, this.nextOffset, 'output goes on where it stopped');
    assertCounted(data, offset);
    this.nextOffset += data.length;
    if (this.isAcknowledging) this.acknowledge();
  }

  private look(screen: TerminalScreenData | undefined): void {
    const offset = this.nextOffset;
    if (!screen) return;
    this.screens += 1;
    this.looking = this.looking
      .then(() => assertShowsCounted(screen, offset))
      .catch((error: unknown) => void (this.failure ??= error as Error));
  }

  private acknowledge(): void {
    this.server?.notify('terminal/acknowledge', { sessionId: this.sessionId, offset: this.nextOffset });
  }
}

/** Asserts that `screen` shows the lines that end at byte `offset`, down to the cursor. */
async function assertShowsCounted({ data, cols, rows }: TerminalScreenData, offset: number): Promise<void> {
  const terminal = new headless.Terminal({ cols, rows, scrollback: 100, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(data, resolve));
  const { active } = terminal.buffer;
  const shown = Array.from({ length: active.cursorY + 1 }, (_, row) =>
    active.getLine(active.baseY + row)?.translateToString(true),
  );
  terminal.dispose();
  const printed = Math.min(active.cursorY, Math.floor(offset / 9));
  assert.deepEqual(shown.slice(-1 - printed), linesBefore(offset, printed), `the screen at byte ${offset}`);
}
