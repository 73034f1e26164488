import type { ErrorReason } from './errors.ts';

/**
 * What a webview and the extension host say to each other. Three kinds each way, so that direction is visible in every
 * message: a request is answered by exactly one response with its id, a notification by nothing.
 *
 * Terminal output crosses as `ArrayBuffer`, everything else as plain JSON values.
 */

/** Server methods that a view may call; the extension host refuses every other. */
export const methodsForViews = [
  'server/health',
  'terminal/list',
  'terminal/create',
  'terminal/attach',
  'terminal/detach',
  'terminal/write',
  'terminal/resize',
  'terminal/signal',
  'terminal/close',
  'terminal/background',
  'session/new',
  'session/list',
  'session/attach',
  'session/events',
  'session/detach',
  'session/prompt',
  'session/continue',
  'session/answer_permission',
  'session/set_config_option',
  'session/delete',
  'model/list',
  'model/status',
] as const;
export type MethodForViews = (typeof methodsForViews)[number];

/** Notifications that a view may send on to the server. */
export const notificationsForViews = ['session/cancel', 'terminal/acknowledge'] as const;
export type NotificationForViews = (typeof notificationsForViews)[number];

/** Things a view may ask the extension host itself to do. */
export type HostAction =
  /** Runs the command `aiDevAssistant.<name>`, for those in `commandsForViews`. */
  | { readonly action: 'runCommand'; readonly command: CommandForViews }
  /** Opens VS Code's settings at one of ours, such as `providers.openai.baseUrl`. */
  | { readonly action: 'openSetting'; readonly key: string }
  /** Opens an http or https link in the browser, after VS Code has asked the person. */
  | { readonly action: 'openLink'; readonly url: string }
  /** Shows a workspace file in the editor; `line` counts from 1. */
  | { readonly action: 'openFile'; readonly path: string; readonly line?: number }
  | { readonly action: 'copyText'; readonly text: string }
  /** Brings a terminal to the front, in the tab of its conversation or one of its own. */
  | { readonly action: 'showTerminal'; readonly terminalId: string }
  /** Opens VS Code's page on which the person trusts the workspace, or does not. */
  | { readonly action: 'manageTrust' };

export const commandsForViews = [
  'setApiKey',
  'selectModel',
  'showLog',
  'restartServer',
  'newTerminal',
  'restoreBackup',
] as const;
export type CommandForViews = (typeof commandsForViews)[number];

/** State of the server as the supervisor sees it. */
export type ServerState = 'starting' | 'ready' | 'recovered' | 'degraded' | 'restarting' | 'stopped';

export type ViewToHost =
  | { readonly kind: 'ready' }
  | { readonly kind: 'request'; readonly id: number; readonly method: MethodForViews; readonly params: object }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'notification'; readonly method: NotificationForViews; readonly params: object }
  | { readonly kind: 'action'; readonly action: HostAction };

export type HostToView =
  /** Answers `ready`, and comes again when something in it changes. */
  | {
      readonly kind: 'context';
      readonly serverState: ServerState;
      /** Rises with each new server process: what was attached must be attached again. */
      readonly serverGeneration: number;
      readonly serverMessage?: string;
      readonly workspaceFolder: string | null;
      readonly trusted: boolean;
      /** For the terminal panel: which terminal it shows. */
      readonly terminalId?: string;
      /** For the terminal panel: whether it answers what programs ask of their terminal, as no other view here does. */
      readonly answersQueries?: boolean;
      /** For the terminal panel: whether VS Code lets the graphics card draw terminals. */
      readonly mayUseGpu?: boolean;
      /** Translated strings by key; the view falls back to the key's English text. */
      readonly strings: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'response'; readonly id: number; readonly result: unknown }
  | {
      readonly kind: 'response';
      readonly id: number;
      readonly error: { readonly reason: ErrorReason; readonly message: string };
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  /** A command asks the view to do something. */
  | { readonly kind: 'do'; readonly what: 'newSession' | 'focusInput' | 'cancelTurn' | 'continueTurn' }
  | { readonly kind: 'do'; readonly what: 'insertPrompt'; readonly text: string }
  | { readonly kind: 'do'; readonly what: 'openConversation'; readonly sessionId: string };
