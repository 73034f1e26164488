import { z } from 'zod';
import { notification, request, serverNotification } from './declaration.ts';

const version = z.object({ major: z.int().min(0), minor: z.int().min(0) });

/** Variables to set, or with null to remove. */
const variables = z.record(z.string().max(1024), z.string().max(32_768).nullable());

/** One of the editor's own terminal profiles, its variables resolved. */
const terminalProfile = z.strictObject({
  name: z.string().min(1).max(256),
  /** Absolute paths or names in PATH; the first that exists counts. */
  paths: z.array(z.string().min(1).max(4096)).max(16),
  /** Name of the system's shell that is meant where no path is given (on Windows `Git Bash` or `PowerShell`). */
  system: z.string().max(256).optional(),
  args: z.array(z.string().max(4096)).max(64),
  env: variables.optional(),
  icon: z.string().max(256).optional(),
  color: z.string().max(256).optional(),
});
export type TerminalProfileState = z.output<typeof terminalProfile>;

/** How the editor starts its own terminals, as far as its person or a trusted workspace says so. */
export const editorTerminals = z.strictObject({
  profiles: z.array(terminalProfile).max(64),
  /** Name of a profile. */
  defaultProfile: z.string().max(256).optional(),
  /** Absolute path of the shell that the editor uses where no profile is the default. */
  defaultShell: z.string().max(4096).optional(),
  env: variables,
});
export type EditorTerminals = z.output<typeof editorTerminals>;

/** The folders that a client has open, whether its person trusts them, and how it starts terminals. */
export const workspaceState = z.strictObject({
  folders: z.array(z.strictObject({ path: z.string().min(1).max(4096), name: z.string().max(256) })).max(64),
  trusted: z.boolean(),
  terminals: editorTerminals.optional(),
});
export type WorkspaceState = z.output<typeof workspaceState>;

/**
 * What a client that forks the server says of itself in LSP's `initializationOptions`. Other editors may leave it out
 * and get: contract 1.0, the workspace folders of `initialize`, untrusted.
 */
export const initializationOptions = z.object({
  contractVersion: version,
  /** Stands in every log line of both sides: `startup-<time>-<random>`. */
  correlationId: z.string().max(64),
  workspace: workspaceState,
  settings: z.record(z.string(), z.unknown()),
  /** How often this client has restarted its server since it started. */
  restarts: z.int().min(0),
  /** Absolute path of the ripgrep binary that the editor carries, if it does. */
  ripgrepPath: z.string().max(4096).optional(),
});
export type InitializationOptions = z.input<typeof initializationOptions>;

/** The server's part of the handshake, under `aiDevAssistant` in the result of `initialize`. */
export const handshakeAnswer = z.object({ version: z.string(), contractVersion: version, instanceId: z.string() });
export type HandshakeAnswer = z.output<typeof handshakeAnswer>;

export const healthStatus = z.enum(['starting', 'ready', 'recovered', 'degraded']);
export type HealthStatus = z.output<typeof healthStatus>;

export const server = {
  'server/health': request({
    summary: 'Says whether the server works, since when, and which of its components do not.',
    params: z.strictObject({}),
    result: z.object({
      status: healthStatus,
      version: z.string(),
      uptimeMs: z.number().min(0),
      restarts: z.int().min(0),
      components: z.record(
        z.string(),
        z.object({ status: z.enum(['ready', 'degraded']), message: z.string().optional() }),
      ),
    }),
    scope: 'read',
    limit: 'none',
    timeoutMs: 5_000,
  }),
  'server/info': request({
    summary: "Gives the server's version, contract version, process id and data folder.",
    params: z.strictObject({}),
    result: z.object({
      version: z.string(),
      contractVersion: version,
      instanceId: z.string(),
      pid: z.int(),
      platform: z.string(),
      nodeVersion: z.string(),
      dataFolder: z.string(),
    }),
    scope: 'read',
  }),
  'server/capabilities': request({
    summary: 'Lists the methods that this client may call over the transport it uses.',
    params: z.strictObject({}),
    result: z.object({ methods: z.array(z.string()) }),
    scope: 'read',
  }),
  'settings/changed': notification({
    summary: 'A client pushes its resolved settings, at the start and whenever one changes.',
    params: z.strictObject({ settings: z.record(z.string(), z.unknown()) }),
    scope: 'admin',
  }),
  'workspace/changed': notification({
    summary: 'A client says which folders are open, whether its person trusts them, and how it starts terminals.',
    params: workspaceState,
    scope: 'admin',
  }),
  'secret/changed': notification({
    summary: 'A client says that a secret was set or deleted, so that no older copy is used.',
    params: z.strictObject({ name: z.string().max(128) }),
    scope: 'admin',
  }),
  'server/healthChanged': serverNotification({
    summary: 'The health changed without having been asked for.',
    params: z.object({ status: healthStatus, message: z.string().optional() }),
  }),
} as const;
