import type { TerminalInfo, TerminalScreenData } from '../../../server/protocol/terminal.ts';
import type { Disposable } from '../base/disposable.ts';
import type { ServerClient } from '../server/serverClient.ts';

/** What those who watch terminals need of the server. */
export type TerminalServer = Pick<ServerClient, 'request' | 'notify' | 'onNotification' | 'onNewServer'>;

/** One viewer's hold on a terminal; disposing it ends the viewer's output, not the terminal. */
export interface TerminalWatch extends Disposable {
  readonly terminal: TerminalInfo;
  /** To be shown in a reset terminal before any output. */
  readonly screen?: TerminalScreenData;
  /** Offset of the first byte that this viewer gets. */
  readonly fromOffset: number;
  /** The viewer has consumed everything up to `offset`. */
  acknowledge(offset: number): void;
}

/** Something that shows a terminal. It is given bytes in order, each once, and says what it has consumed. */
export interface TerminalViewer {
  onOutput(data: Uint8Array, offset: number): void;
  /** The bytes between the offsets are left out. In their place there is `screen`, to be shown in a reset terminal; or nothing. */
  onGap(fromOffset: number, toOffset: number, screen: TerminalScreenData | undefined): void;
  /** The program has ended and every byte was given before. Null where a signal ended it. */
  onExited(exitCode: number | null, signal: number | undefined): void;
  /**
   * The terminal could not be attached again after several tries. It is there still, and its output goes on where it
   * stopped as soon as there is a new server.
   */
  onLost(): void;
  /** The terminal is gone from the server; nothing more will come. */
  onForgotten(): void;
}
