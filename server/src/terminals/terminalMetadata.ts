import { z } from 'zod';
import { terminalInfo, terminalOwner, type TerminalId, type TerminalInfo } from '../../protocol/terminal.ts';
import { maxMetadataBytes } from '../ptyProtocol/limits.ts';
import type { PtySessionInfo } from '../ptyProtocol/messages.ts';

/** What we keep with a session at the pty host; the host never looks into it. */
const terminalMetadata = z.object({
  version: z.literal(1),
  name: z.string(),
  shell: z.string(),
  cwd: z.string(),
  owner: terminalOwner,
  /** Set where it is a command that runs to its end, and has a server that waits for that. */
  command: z
    .object({
      commandLine: z.string(),
      /** From its start; null for one without a limit. */
      timeoutMs: z.number().nullable(),
      /** Nobody waits for it any more. */
      isBackground: z.boolean().optional(),
    })
    .optional(),
});
export type TerminalMetadata = Omit<z.output<typeof terminalMetadata>, 'version'>;

/** As JSON of at most 4 KiB: what is long is cut, the command line first. */
export function encodeMetadata(metadata: TerminalMetadata): string {
  for (const chars of [2_000, 500, 100]) {
    const cut = (text: string): string => (text.length <= chars ? text : `${text.slice(0, chars - 1)}…`);
    const owner =
      metadata.owner.kind === 'agent'
        ? { ...metadata.owner, commandLine: cut(metadata.owner.commandLine) }
        : metadata.owner;
    const { command } = metadata;
    const text = JSON.stringify({
      version: 1,
      name: cut(metadata.name),
      shell: cut(metadata.shell),
      cwd: cut(metadata.cwd),
      owner,
      ...(command && { command: { ...command, commandLine: cut(command.commandLine) } }),
    });
    if (Buffer.byteLength(text) <= maxMetadataBytes) return text;
  }
  throw new Error('The metadata of a terminal does not fit');
}

/** A session of the pty host as a terminal. One whose metadata is not ours is shown with what the host itself knows. */
export function terminalOf(session: PtySessionInfo): TerminalInfo {
  const { command, ...metadata } = decodeMetadata(session.metadata) ?? {
    name: 'terminal',
    shell: '',
    cwd: '',
    owner: { kind: 'person' as const },
    command: undefined,
  };
  return terminalInfo.parse({
    sessionId: session.sessionId as TerminalId,
    pid: session.pid,
    ...metadata,
    cols: session.cols,
    rows: session.rows,
    createdAt: session.createdAtMs,
    status: session.exit ? 'exited' : 'active',
    ...(session.exit ? { exitCode: session.exit.exitCode } : {}),
    ...(session.exit?.signal == null ? {} : { signal: session.exit.signal }),
    ...(session.endedIdle && { endedIdle: true }),
    producedBytes: session.producedBytes,
    hasShellIntegration: false,
    currentFolder: metadata.cwd,
    ...(command?.isBackground && { isBackground: true }),
    ...(command && {
      lastCommand: {
        commandLine: command.commandLine,
        startedAt: session.createdAtMs,
        ...(session.exit && { exitCode: session.exit.exitCode }),
      },
    }),
  });
}

export function decodeMetadata(text: string): TerminalMetadata | undefined {
  try {
    const parsed = terminalMetadata.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
