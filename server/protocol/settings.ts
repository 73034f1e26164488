import { z } from 'zod';

/**
 * The settings that the server knows, by their keys without VS Code's prefix `aiDevAssistant.`: the same keys stand in
 * `settings.json` of the data folder. Every key has a default, so an empty object is a valid snapshot.
 */
const fields = {
  /** `provider/model`, used where a conversation names none; empty: the only reachable model, if there is exactly one. */
  'model.default': z.string().max(256).default(''),
  /** Base URL of an OpenAI-compatible endpoint for `openai/…`; empty: OpenAI's own. */
  'providers.openai.baseUrl': httpUrl(),
  /** Base URL of Ollama; empty: `http://127.0.0.1:11434`. */
  'providers.ollama.baseUrl': httpUrl(),
  /** Name of one more OpenAI-compatible endpoint, such as LM Studio or vLLM, used as `openai-compatible/MODEL`. */
  'providers.openaiCompatible.baseUrl': httpUrl(),
  /** Most terminals that may be alive at one time. */
  'terminals.max': z.int().min(1).max(10_000_000).default(100),
  /** Hours after which an idle shell without any client ends. */
  'terminals.keepAliveHours': z.number().min(0).max(10_000_000).default(24),
  /** Whether shells report their commands and their folder, by a script of ours beside the person's own files. */
  'terminals.shellIntegration': z.boolean().default(true),
  /** Terminals and commands that one client may start in any second; the editor's own channel is not limited. */
  'limits.terminalPerSecond': z.int().min(1).max(10_000_000).default(10),
  /** Calls that all clients with one token may make over HTTP in any minute. */
  'limits.apiPerMinute': z.int().min(1).max(10_000_000).default(100),
  /** Messages that all clients with one token may send over WebSocket in any minute; keystrokes and acknowledgements do not count. */
  'limits.webSocketMessagesPerMinute': z.int().min(1).max(10_000_000).default(1000),
  /** Wrong or missing tokens that one address may show in any five minutes before it is told to wait; right ones always pass. */
  'limits.failedAuthenticationsPer5Minutes': z.int().min(1).max(10_000_000).default(5),
  /** Web pages that may call the server over HTTP and WebSocket, as `https://example.org`. */
  'security.allowedOrigins': z.array(z.string().max(2048)).max(100).default([]),
  /** Lines above the screen that a terminal gets back when it is shown again. */
  'terminals.scrollbackLines': z.int().min(0).max(100_000).default(5000),
  /** Model calls that one turn may make before it stops and asks. */
  'agent.maxStepsPerTurn': z.int().min(1).max(10_000_000).default(50),
  /** Minutes that one turn may last, waiting for the person's answers not counted. */
  'agent.maxMinutesPerTurn': z.number().min(0.1).max(10_000_000).default(60),
  /** Whether answers of slow questions (lists of models and of files) are kept for a while. */
  'cache.enabled': z.boolean().default(true),
  /** Most that the cache holds in the server's memory, in millions of bytes. */
  'cache.memoryMegabytes': z.int().min(1).max(10_000_000).default(32),
  /** Most that it holds on disk, in millions of bytes; 0: nothing. */
  'cache.diskMegabytes': z.int().min(0).max(10_000_000).default(128),
  /** Days after which a file of the audit log is deleted, counted from its last record; 0: never. */
  'audit.retentionDays': z.int().min(0).max(10_000_000).default(365),
  /** Log lines below this level are not written. */
  'log.level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'off']).default('info'),
};

function httpUrl() {
  return z.union([z.literal(''), z.url({ protocol: /^https?$/ }).max(2048)]).default('');
}

export const settingsSnapshot = z.object(fields);
export type Settings = z.output<typeof settingsSnapshot>;
export type SettingKey = keyof Settings;
/** What only a server that listens needs: it stands in `settings.json`, and an editor has no setting for it. */
export const doorSettingKeys = [
  'limits.apiPerMinute',
  'limits.webSocketMessagesPerMinute',
  'limits.failedAuthenticationsPer5Minutes',
  'security.allowedOrigins',
] as const satisfies readonly SettingKey[];
export type DoorSettingKey = (typeof doorSettingKeys)[number];

export const settingKeys = Object.keys(fields) as SettingKey[];

/**
 * Reads settings from whatever a person wrote. A key that is unknown or has a bad value is named in `warnings` and
 * left at its default: a typing error never refuses a start.
 */
export function readSettings(input: unknown): { settings: Settings; warnings: string[] } {
  const settings: Record<string, unknown> = settingsSnapshot.parse({});
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return {
      settings: settingsSnapshot.parse({}),
      warnings: ['Settings must be one JSON object; the defaults are used.'],
    };
  }
  const warnings: string[] = [];
  for (const [key, value] of Object.entries(input)) {
    if (!Object.hasOwn(fields, key)) {
      warnings.push(`Unknown setting "${key}" is ignored.`);
      continue;
    }
    const result = fields[key as SettingKey].safeParse(value);
    if (result.success) settings[key] = result.data;
    else
      warnings.push(
        `Setting "${key}" has a value that cannot be used (${firstIssue(result.error)}); the default is used.`,
      );
  }
  return { settings: settingsSnapshot.parse(settings), warnings };
}

function firstIssue(error: z.ZodError): string {
  return error.issues[0]?.message ?? 'invalid';
}

/** A setting as a message names it, which is read in VS Code and elsewhere: with its name there, or else with where it stands. */
export function settingName(key: SettingKey): string {
  const isOfDoor = (doorSettingKeys as readonly SettingKey[]).includes(key);
  return isOfDoor ? `${key} (in settings.json of the data folder)` : `${key} (in VS Code: aiDevAssistant.${key})`;
}
