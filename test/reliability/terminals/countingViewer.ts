import assert from 'node:assert/strict';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { waitFor } from '../../support/waitFor.ts';
import type { ServerMessage, WindowServer } from '../../support/windowServer.ts';
import { assertCounted } from './countedOutput.ts';

/** A viewer of the counting program, which checks every byte that it is given against the offset where it stands. */
export class CountingViewer {
  /** Where the next byte must stand. */
  nextOffset = 0;
  isAcknowledging = true;
  isLost = false;
  exit: { exitCode: number | null; signal: number | undefined } | undefined;
  private readonly sessionId: TerminalId;
  private server: WindowServer | undefined;
  private isAttaching = false;
  private failure: Error | undefined;

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
    await waitFor('the output to go on', () => {
      this.assertSound();
      assert.equal(this.server?.hasExited, false, 'the server lives');
      return this.nextOffset > before + 100_000;
    });
  }

  /** Throws what was found wrong on the way. */
  assertSound(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async begin(server: WindowServer, params: ParamsOf<'terminal/attach'>): Promise<void> {
    this.server = server;
    this.isAttaching = true;
    server.onNotification = (message) => this.take(message);
    await server.call('terminal/attach', params, ({ fromOffset }) => {
      this.isAttaching = false;
      this.nextOffset = fromOffset;
    });
    if (params.fromOffset !== undefined) assert.ok(this.nextOffset >= params.fromOffset, 'no byte is given twice');
    this.assertSound();
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

  private acknowledge(): void {
    this.server?.notify('terminal/acknowledge', { sessionId: this.sessionId, offset: this.nextOffset });
  }
}
