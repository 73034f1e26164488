import { readFile } from 'node:fs/promises';
import { CodedError } from '../../protocol/errors.ts';
import { errorCode, nodeFileSystem } from '../base/fileSystem.ts';
import type { LogLevel } from '../base/logger.ts';
import { auditFolderOf } from '../security/audit/auditLog.ts';
import { verifyAudit, type AuditVerdict } from '../security/audit/auditVerifier.ts';
import { readPublicKey } from '../security/audit/signingKey.ts';
import type { AuditNote } from '../security/audit/verification.ts';
import { resolveDataFolder } from './dataFolder.ts';
import { exitCodes } from './exitCodes.ts';
import { withLocalServer } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { terminalOutput } from './terminalOutput.ts';

export interface AuditVerifyOptions {
  readonly dataDir?: string;
  /** Files in PEM; only what these have signed is believed. */
  readonly publicKey?: readonly string[];
  readonly json?: true;
}

export interface AuditDeleteOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
  readonly before: Date;
}

const noteSentences: Readonly<Record<AuditNote['kind'], (count: number) => string>> = {
  torn: (count) => `ends in ${count} bytes of a record that its server was writing when it was killed`,
  unsigned: (count) => `ends in ${count} records that its server could not sign any more; nothing vouches for them`,
  unfinished: () => 'was begun by a server that was killed at once',
  clockSetBack: (count) => `was written while the clock was set back, ${count} times`,
};

/** Checks the chains of the data folder, without a server. Sets the exit code. */
export async function verifyAuditLog({ dataDir, publicKey, json }: AuditVerifyOptions): Promise<void> {
  const trustedKeys = publicKey && (await Promise.all(publicKey.map(readKey)));
  const verdict = await verifyAudit({
    folder: auditFolderOf(resolveDataFolder(dataDir)),
    fileSystem: nodeFileSystem,
    signal: new AbortController().signal,
    ...(trustedKeys && { trustedKeys }),
  });
  if (json === true) terminalOutput.printJson(verdict);
  else terminalOutput.print(describe(verdict));
  process.exitCode = verdict.isIntact ? exitCodes.done : exitCodes.failed;
}

/** Deletes files of the log whose last record is older than a time. */
export async function deleteAuditLog({ dataDir, logLevel = 'warn', before }: AuditDeleteOptions): Promise<void> {
  const { logger } = createProcessLogger(logLevel);
  await withLocalServer({ dataDir, workspace: undefined, logger, startsPtyHost: false }, async (server) => {
    const { files } = await server.call('audit/delete', { before: before.toISOString() });
    terminalOutput.print(`Deleted ${counted(files, 'file')} of the audit log.\n`);
  });
}

async function readKey(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CodedError('InvalidParams', `${file} cannot be read (${errorCode(error) ?? 'unknown'}).`, {
      cause: error,
    });
  });
  const key = readPublicKey(text);
  if (key !== undefined) return key;
  throw new CodedError('InvalidParams', `${file} holds no Ed25519 public key in PEM. Name a file of audit/publicKeys.`);
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function describe({ isIntact, files, records, firstBad, problems, notes, keys }: AuditVerdict): string {
  const lines = [`${isIntact ? 'Intact' : 'BROKEN'}: ${counted(records, 'record')} in ${counted(files, 'file')}.`];
  for (const key of keys) lines.push(`Signed with ${key.keyId}: ${counted(key.files, 'file')}.`);
  for (const { file, kind, count } of notes) lines.push(`${file} ${noteSentences[kind](count)}.`);
  if (firstBad) {
    const { file, line, reason, message } = firstBad;
    const where = line === 0 ? '' : `, line ${line}`;
    lines.push(`First bad record: ${file}${where} (${reason}): ${message}`);
    if (problems.length > 1) lines.push(`There are ${problems.length} problems; --json lists them.`);
  }
  return `${lines.join('\n')}\n`;
}
