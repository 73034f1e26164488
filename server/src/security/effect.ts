/** Something that a tool wants to do. Paths may be relative to the conversation's folder. */
export type Effect =
  | { readonly kind: 'readFile' | 'listFiles' | 'searchFiles'; readonly path: string }
  | { readonly kind: 'runCommand'; readonly commandLine: string; readonly cwd: string }
  /** Of a command of the same conversation, which the person has allowed to run. */
  | { readonly kind: 'readOutput' | 'stopCommand'; readonly terminalId: string };

/** Where an effect is asked for. */
export interface EffectPlace {
  /** Absolute; relative paths of effects start here. */
  readonly cwd: string;
  /** Absolute paths. Nothing outside them may be touched; with none, nothing may. */
  readonly workspaceFolders: readonly string[];
  /** Whether the person trusts this workspace. */
  readonly trusted: boolean;
}

/**
 * The gate's answer. `path` is the real path that was judged, for the tool to use in place of the name it was given.
 * `message` says why not and what to do, for the model and the person. `detail` is what the person is asked about, with
 * every invisible character made visible.
 */
export type Decision =
  | { readonly outcome: 'allow'; readonly path: string }
  | { readonly outcome: 'deny'; readonly message: string }
  | { readonly outcome: 'ask'; readonly detail: string; readonly path: string };
