import type { BackupSummary } from '../../protocol/backup.ts';
import type { ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import { conversationId, type ConversationId } from '../../protocol/sessionEvents.ts';
import type { LogLevel } from '../base/logger.ts';
import { exitCodeOfSignal, exitCodes } from './exitCodes.ts';
import { withLocalServer, type LocalServer } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { terminalOutput } from './terminalOutput.ts';
import { textTable } from './textTable.ts';

export interface BackupOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
  readonly json?: true;
}
export interface RestoreOptions extends BackupOptions {
  readonly dryRun?: true;
  /** Id of the one that is put back; everything if left out. */
  readonly conversation?: string;
  readonly skipDamaged?: true;
}

const maxShown = 20;
const noBackup = 'There is no backup yet. "ai-dev-assistant backup create" makes one.';
const endingSignals = ['SIGINT', 'SIGTERM'] as const;

/** Makes a backup now. */
export async function createBackup(options: BackupOptions): Promise<void> {
  await withBackups(options, async (server, signal) => {
    const result = await server.call('backup/create', {}, signal);
    if (options.json === true) {
      terminalOutput.printJson(result);
      return;
    }
    const { id, conversations, files, sizeBytes } = result.backup;
    print(`Backup ${id}: ${conversations} conversations, ${files} files, ${sizeOf(sizeBytes)}.`);
    for (const { path, code } of result.unreadable) {
      print(`Not saved, because it cannot be read (${code}): ${path}`);
    }
    for (const path of result.unopenable) {
      print(`Saved, but no conversation any more, because its beginning is damaged: ${path}`);
    }
    if (result.unopenable.length > 0) {
      print('An older backup may have it whole: ai-dev-assistant backup restore ID --conversation CONVERSATION');
    }
    if (result.unreadable.length + result.unopenable.length > 0) process.exitCode = exitCodes.failed;
  });
}

/** Prints the backups, the latest first. */
export async function listBackups(options: BackupOptions): Promise<void> {
  await withBackups(options, async (server, signal) => {
    const result = await server.call('backup/list', {}, signal);
    if (options.json === true) {
      terminalOutput.printJson(result);
      return;
    }
    const { backups, usedBytes } = result;
    if (backups.length === 0) {
      print(noBackup);
      return;
    }
    const heads = ['ID', 'MADE', 'WHY', 'VERSION', 'CONVERSATIONS', 'SIZE', 'STATE'];
    terminalOutput.print(textTable([heads, ...backups.map(rowOf)]));
    for (const { id, notes } of backups) for (const note of notes) print(`${id}: ${note}`);
    print(`Together they take ${sizeOf(usedBytes)} on disk.`);
  });
}

/** Reads one backup back, or all. The exit code is 1 if one is damaged. */
export async function verifyBackups(id: string | undefined, options: BackupOptions): Promise<void> {
  await withBackups(options, async (server, signal) => {
    const { backups } = await server.call('backup/verify', id === undefined ? {} : { id }, signal);
    if (backups.some(({ isGood }) => !isGood)) process.exitCode = exitCodes.failed;
    if (options.json === true) {
      terminalOutput.printJson({ backups });
      return;
    }
    if (backups.length === 0) print(noBackup);
    for (const backup of backups) {
      print(`${backup.id}: ${backup.isGood ? 'good' : 'damaged'}`);
      for (const sentence of [...backup.problems, ...backup.notes]) print(`  ${sentence}`);
    }
  });
}

/** Puts everything or one conversation back as it was, or says what that would change. */
export async function restoreBackup(id: string, options: RestoreOptions): Promise<void> {
  const { dryRun = false, conversation, skipDamaged = false } = options;
  const one = conversation === undefined ? {} : { sessionId: conversationIdOf(conversation) };
  await withBackups(options, async (server, signal) => {
    const result = await server.call('backup/restore', { id, dryRun, skipDamaged, ...one }, signal);
    if (options.json === true) terminalOutput.printJson(result);
    else printRestored(result, conversation);
  });
}

function printRestored(result: ResultOf<'backup/restore'>, conversation: string | undefined): void {
  const { added, changed, removed, damaged, hindrance, undoId } = result;
  if (undoId === null) print(`Restoring ${result.id} would add, change and remove these files; nothing was changed:`);
  else {
    // A conversation that was not there before is in no backup of that state: only all of it takes the restore back.
    const one = conversation !== undefined && added.length === 0 ? ` --conversation ${conversation}` : '';
    print(`Restored ${result.id}. To take that back: ai-dev-assistant backup restore ${undoId}${one}`);
  }
  printPaths('+', added);
  printPaths('~', changed);
  printPaths('-', removed);
  if (added.length + changed.length + removed.length === 0) print('Everything is as it was then.');
  if (damaged.length > 0) {
    print('Damaged in the backup, and left as they are now:');
    printPaths('!', damaged);
  }
  if (hindrance !== null) print(`Now that would be refused. ${hindrance}`);
}

function conversationIdOf(text: string): ConversationId {
  const parsed = conversationId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CodedError('InvalidParams', `"${text.slice(0, 64)}" is no id of a conversation.`);
}

async function withBackups(
  { dataDir, logLevel = 'warn' }: BackupOptions,
  use: (server: LocalServer, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { logger } = createProcessLogger(logLevel);
  const stopped = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => stopped.abort(signal);
  for (const signal of endingSignals) process.once(signal, onSignal);
  try {
    await withLocalServer({ dataDir, workspace: undefined, logger, startsPtyHost: false }, async (server) => {
      const shown = server.onNotification(({ method, params }) => {
        if (method !== 'backup/progressed') return;
        const { done, total } = params;
        terminalOutput.showProgress(done < total ? `${done} of ${total} files` : '');
      });
      try {
        await use(server, stopped.signal);
      } finally {
        shown.dispose();
      }
    });
  } catch (error) {
    if (!stopped.signal.aborted || !(error instanceof CodedError) || error.reason !== 'Cancelled') throw error;
    terminalOutput.tell('Stopped; nothing was changed.\n');
    process.exitCode = exitCodeOfSignal(stopped.signal.reason as NodeJS.Signals);
  } finally {
    for (const signal of endingSignals) process.off(signal, onSignal);
  }
}

function rowOf({ id, createdAt, reason, version, conversations, sizeBytes, status }: BackupSummary): string[] {
  const made = createdAt === null ? '?' : new Date(createdAt).toLocaleString('sv-SE');
  return [id, made, reason ?? '?', version ?? '?', String(conversations), sizeOf(sizeBytes), status];
}

function printPaths(mark: string, paths: readonly string[]): void {
  for (const path of paths.slice(0, maxShown)) print(`${mark} ${path}`);
  if (paths.length > maxShown) print(`${mark} … and ${paths.length - maxShown} more`);
}

function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function print(line: string): void {
  terminalOutput.print(`${line}\n`);
}
