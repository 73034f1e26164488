import type { HostToView, ViewToHost } from '../../../server/protocol/panelBridge.ts';
import type { Disposable } from './disposable.ts';

/**
 * The window's other side as a view sees it. VS Code's webview API is one implementation; anything that carries the
 * same messages can stand in its place, so a view needs no VS Code to run.
 */
export interface Host {
  post(message: ViewToHost): void;
  onMessage(listener: (message: HostToView) => void): Disposable;
  /** What was written last, also before a reload of the window; undefined at first. */
  readState(): unknown;
  writeState(state: unknown): void;
}

/** What the extension host last said about the server and the workspace. */
export type HostContext = Extract<HostToView, { kind: 'context' }>;

/** A wish of a command, such as "focus the input". */
export type HostWish = Extract<HostToView, { kind: 'do' }>;
