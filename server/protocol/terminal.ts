import { z } from 'zod';
import { notification, request, serverNotification } from './declaration.ts';

/** Names a terminal: 128 random bits, never used again. */
export const terminalId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected the id of a terminal: 32 hex digits')
  .brand<'TerminalId'>();
export type TerminalId = z.output<typeof terminalId>;

const cols = z.int().min(2).max(1000);
const rows = z.int().min(1).max(1000);
/** Bytes from the start of the terminal's output, counting from 0. */
export const byteOffset = z.number().int().min(0);

/** Bytes of output. A channel that cannot carry them (JSON) carries base64 in their place. */
export const bytes = z.union([z.custom<Uint8Array>((value) => value instanceof Uint8Array), z.base64()]);

/**
 * A whole screen, scrollback included: output that brings a freshly reset terminal of this size to it, with its colours,
 * cursor, modes and title. Output from the offset that comes with it goes on from there.
 */
export const terminalScreen = z.object({ data: bytes, cols: z.int(), rows: z.int() });
export type TerminalScreenData = z.output<typeof terminalScreen>;

/** Who a terminal belongs to: the person, or the tool call of an agent's conversation. */
export const terminalOwner = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('person') }),
  z.object({ kind: z.literal('agent'), conversationId: z.string(), toolCallId: z.string(), commandLine: z.string() }),
]);
export type TerminalOwner = z.output<typeof terminalOwner>;

/** A command as far as it has come. */
const terminalCommandState = z.object({
  commandLine: z.string(),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  /** Set once it has ended; null where a signal ended it or its exit code is not known. */
  exitCode: z.int().nullable().optional(),
  /** Set once it has ended. */
  durationMs: z.number().min(0).optional(),
});

/** What a program seems to wait for. A guess from what stands at the end of its output. */
export const waitsForInput = z.object({
  kind: z.enum(['password', 'confirmation', 'text']),
  /** The line that asks, at most 200 characters. */
  prompt: z.string(),
});
export type WaitsForInput = z.output<typeof waitsForInput>;

/** A command that a shell with shell integration has run, or runs. */
const terminalCommand = z.object({
  ...terminalCommandState.shape,
  /** Grows from command to command of a terminal, by more than one. */
  index: z.int().min(0),
  /** Folder in which it was started. */
  cwd: z.string(),
  /** Where its output stands in the terminal's; `toOffset` once it has ended. */
  output: z.object({ fromOffset: byteOffset, toOffset: byteOffset.optional() }),
});
export type TerminalCommand = z.output<typeof terminalCommand>;

/** A shell of this machine, or one of the editor's terminal profiles. */
const listedShell = z.object({
  /** Unique in the list; `terminal/create` takes it. */
  name: z.string(),
  /** Absolute path. */
  path: z.string(),
  args: z.array(z.string()),
  source: z.enum(['profile', 'system']),
  /** Whether it is the one that a new terminal gets; true of exactly one. */
  isDefault: z.boolean(),
  /** Name of a codicon, and of a colour of the editor's theme. */
  icon: z.string().optional(),
  color: z.string().optional(),
});
export type ListedShell = z.output<typeof listedShell>;

export const terminalInfo = z.object({
  sessionId: terminalId,
  pid: z.int(),
  name: z.string(),
  shell: z.string(),
  cwd: z.string(),
  cols: z.int(),
  rows: z.int(),
  owner: terminalOwner,
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  /** `lost`: the process that kept it has died, and all that is left is what its screen showed last. */
  status: z.enum(['active', 'exited', 'lost']),
  /** Set once it has exited; null where a signal ended it. */
  exitCode: z.int().nullable().optional(),
  /** Number of the signal that ended it, if one did. */
  signal: z.int().optional(),
  /** A shell in which nothing ran, ended after `terminals.keepAliveHours` without anybody connected. */
  endedIdle: z.boolean().optional(),
  /** Bytes of output so far. */
  producedBytes: byteOffset,
  /** Whether the shell reports its commands. */
  hasShellIntegration: z.boolean(),
  /** Where the shell is now, as it reports; else where it was started. */
  currentFolder: z.string(),
  /** What runs in it, or ran last. */
  lastCommand: terminalCommandState.optional(),
  /** A command with which nobody waits: it goes on beside what its agent or its caller does next. */
  isBackground: z.boolean().optional(),
  /** Set while what runs seems to wait for the person to type. */
  waitsForInput: waitsForInput.optional(),
});
export type TerminalInfo = z.output<typeof terminalInfo>;

const named = { sessionId: terminalId };

export const terminal = {
  'terminal/create': request({
    summary: 'Starts a shell, or `shell` with `args`, in a terminal of its own.',
    params: z.strictObject({
      /** Name of a listed shell, a name looked up in PATH, or an absolute path. The default shell if left out. */
      shell: z.string().min(1).max(4096).optional(),
      /** In place of those of a listed shell. */
      args: z.array(z.string().max(32_768)).max(256).optional(),
      /** Absolute path of a folder; the first workspace folder, else the home folder, if left out. */
      cwd: z.string().min(1).max(4096).optional(),
      /** Added to, or with null removed from, the environment of the person's own shell. */
      env: z.record(z.string().max(1024), z.string().max(131_072).nullable()).optional(),
      cols: cols.default(80),
      rows: rows.default(24),
      name: z.string().min(1).max(200).optional(),
    }),
    result: z.object({ sessionId: terminalId, pid: z.int(), status: z.literal('active'), name: z.string() }),
    errors: ['InvalidShell', 'InvalidCwd', 'InvalidEnvironment', 'ResourceLimit'],
    scope: 'terminal',
    limit: 'terminal',
    timeoutMs: 15_000,
  }),
  'terminal/list': request({
    summary: 'Lists every terminal of this data folder, those that have exited but were not closed included.',
    params: z.strictObject({}),
    result: z.object({ terminals: z.array(terminalInfo) }),
    scope: 'read',
    timeoutMs: 15_000,
  }),
  'terminal/shells': request({
    summary: "Lists the shells that are there: the editor's terminal profiles, then those of the system.",
    params: z.strictObject({}),
    result: z.object({ shells: z.array(listedShell) }),
    scope: 'read',
  }),
  'terminal/commands': request({
    summary:
      'Lists the commands of a shell with shell integration, the oldest first: from `fromIndex` on, or the last ' +
      '`limit` of them. About the last 60 are known after a restart of the server, and at most 200.',
    params: z.strictObject({
      ...named,
      fromIndex: z.int().min(0).optional(),
      limit: z.int().min(1).max(1_000).default(100),
    }),
    result: z.object({ commands: z.array(terminalCommand) }),
    errors: ['NotFound'],
    scope: 'read',
  }),
  'terminal/attach': request({
    summary:
      'Starts `terminal/output` notifications for this client: from `fromOffset` where that is still kept, else from the ' +
      'answer’s `fromOffset` after `screen`, which is to be written into a reset terminal first. Without `screen` the ' +
      'bytes before are lost. Attaching again replaces the former attachment.',
    params: z.strictObject({
      ...named,
      fromOffset: byteOffset.optional(),
      /**
       * Whether this client's terminal can answer what programs ask: what it is, where its cursor stands. Of all clients that
       * watch a terminal the first that can answers; the others get NULs in the place of questions.
       */
      canAnswer: z.boolean().default(true),
    }),
    result: z.object({ terminal: terminalInfo, fromOffset: byteOffset, screen: terminalScreen.optional() }),
    errors: ['NotFound', 'Unsupported', 'ResourceLimit'],
    scope: 'read',
    timeoutMs: 15_000,
    insteadOverHttp: 'GET /events?terminal=ID',
  }),
  'terminal/detach': request({
    summary: 'Ends the notifications of a terminal for this client. The terminal goes on.',
    params: z.strictObject(named),
    result: z.object({}),
    scope: 'read',
  }),
  'terminal/snapshot': request({
    summary:
      'The screen as plain text with up to `scrollbackLines` lines above it: trimmed at the right, wrapped lines put ' +
      'together, blank ones at the end left out.',
    params: z.strictObject({ ...named, scrollbackLines: z.int().min(0).max(10_000).default(0) }),
    result: z.object({
      text: z.string(),
      cols: z.int(),
      rows: z.int(),
      /** Counting from 0, from the top of the screen. */
      cursor: z.object({ row: z.int(), col: z.int() }),
      /** Whether a full-screen program has the screen. */
      isAlternateScreen: z.boolean(),
      title: z.string(),
      /** Bytes of output that this shows. */
      offset: byteOffset,
    }),
    errors: ['NotFound', 'Unavailable'],
    scope: 'read',
    timeoutMs: 15_000,
  }),
  'terminal/write': request({
    summary:
      'Sends input, as if typed: all of it, or with `ResourceLimit` none. Answered once the pty host has the bytes, for ' +
      'which a program that does not read is waited for 5 s. Who sends long input in pieces waits for each answer, and ' +
      'stops at the first that is an error.',
    params: z.strictObject({ ...named, data: z.string().min(1).max(1_048_576) }),
    result: z.object({}),
    errors: ['NotFound', 'Conflict', 'ResourceLimit'],
    scope: 'terminal',
    limit: 'none',
  }),
  'terminal/resize': request({
    summary: 'Sets the size in character cells.',
    params: z.strictObject({ ...named, cols, rows }),
    result: z.object({}),
    errors: ['NotFound'],
    scope: 'terminal',
    limit: 'none',
  }),
  'terminal/signal': request({
    summary: 'Sends a signal to the foreground process group. On Windows only SIGINT and SIGKILL exist.',
    params: z.strictObject({ ...named, signal: z.enum(['SIGINT', 'SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGQUIT']) }),
    result: z.object({}),
    errors: ['NotFound', 'Unsupported'],
    scope: 'terminal',
  }),
  'terminal/rename': request({
    summary: 'Gives a terminal another name.',
    params: z.strictObject({ ...named, name: z.string().min(1).max(200) }),
    result: z.object({}),
    errors: ['NotFound'],
    scope: 'terminal',
  }),
  'terminal/acknowledge': notification({
    summary: 'A client has consumed the output up to `offset`, so more may be sent.',
    params: z.strictObject({ ...named, offset: byteOffset }),
    scope: 'read',
    limit: 'none',
  }),
  'terminal/close': request({
    summary:
      'Ends the program if it still runs, and forgets the terminal. With `unlessWatched` only if no other client watches ' +
      'it that may type into it.',
    params: z.strictObject({ ...named, unlessWatched: z.boolean().default(false) }),
    result: z.object({
      /** False where another client that may type into it watches it. */
      closed: z.boolean(),
    }),
    errors: ['NotFound'],
    scope: 'terminal',
    timeoutMs: 15_000,
  }),
  'terminal/output': serverNotification({
    summary: 'Output of an attached terminal, in order and gapless from `offset`.',
    params: z.object({ ...named, offset: byteOffset, data: bytes }),
  }),
  'terminal/gap': serverNotification({
    summary:
      'The bytes from `fromOffset` to `toOffset` were left out; output goes on at `toOffset`, after `screen` where there ' +
      'is one, which is to be written into a reset terminal.',
    params: z.object({
      ...named,
      fromOffset: byteOffset,
      toOffset: byteOffset,
      screen: terminalScreen.optional(),
    }),
  }),
  'terminal/detached': serverNotification({
    summary:
      'A terminal that this client has attached is there still, but its output could not be had for a minute, and no ' +
      'more is sent. Attach again, from where it stopped.',
    params: z.object(named),
  }),
  'terminal/exited': serverNotification({
    summary: 'The program of an attached terminal has ended; sent after its last byte.',
    params: z.object({ ...named, exitCode: z.int().nullable(), signal: z.int().optional() }),
  }),
  'terminal/commandFinished': serverNotification({
    summary: 'A command of a shell with shell integration has ended. An unknown exit code is null.',
    params: z.object({
      ...named,
      index: z.int().min(0),
      commandLine: z.string(),
      cwd: z.string(),
      exitCode: z.int().nullable(),
      startedAt: z.number(),
      durationMs: z.number().min(0),
      output: z.object({ fromOffset: byteOffset, toOffset: byteOffset }),
    }),
  }),
  'terminal/changed': serverNotification({
    summary:
      'A terminal was created, renamed, has exited, or its command or folder changed (`terminal`); or it was forgotten ' +
      '(`terminal` is null).',
    params: z.object({ ...named, terminal: terminalInfo.nullable() }),
  }),
} as const;
