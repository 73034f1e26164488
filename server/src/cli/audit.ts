import { readFile } from 'node:fs/promises';
import { audit, type AuditEntry } from '../../protocol/audit.ts';
import { CodedError } from '../../protocol/errors.ts';
import { errorCode, nodeFileSystem } from '../base/fileSystem.ts';
import type { LogLevel } from '../base/logger.ts';
import { auditFolderOf } from '../security/audit/auditLog.ts';
import { chainFilesIfThere, queryAudit } from '../security/audit/auditQuery.ts';
import { verifyAudit, type AuditVerdict } from '../security/audit/auditVerifier.ts';
import { readPublicKey } from '../security/audit/signingKey.ts';
import type { AuditNote } from '../security/audit/verification.ts';
import { resolveDataFolder } from './dataFolder.ts';
import { exitCodes } from './exitCodes.ts';
import { withLocalServer } from './localServer.ts';
import { createProcessLogger } from './processLogger.ts';
import { terminalOutput } from './terminalOutput.ts';
import { cell, textTable } from './textTable.ts';

export interface AuditVerifyOptions {
  readonly dataDir?: string;
  /** Files in PEM; only what these have signed is believed. */
  readonly publicKey?: readonly string[];
  readonly json?: true;
}

export interface AuditQueryOptions {
  readonly dataDir?: string;
  readonly kind?: string;
  readonly actor?: string;
  readonly from?: string;
  readonly to?: string;
  /** Most records to print, 1 to 10,000. */
  readonly limit: number;
  readonly json?: true;
}

export interface AuditDeleteOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
  readonly before: Date;
}

const { params: queryParams, result: queryResult } = audit['audit/query'];
const maxPageRecords = 200;
const queryHeads = ['TIME', 'KIND', 'OUTCOME', 'WHO', 'WHAT'];

const noteSentences: Readonly<Record<AuditNote['kind'], (count: number) => string>> = {
  torn: (count) => `ends in ${count} bytes of a record that its server was writing when it was killed`,
  unsigned: (count) => `ends in ${count} records that its server could not sign any more; nothing vouches for them`,
  unfinished: () => 'was begun by a server that was killed at once',
  clockSetBack: (count) => `was written while the clock was set back, ${count} times`,
};

/** Checks the chains of the data folder, without a server. Sets the exit code. */
export async function verifyAuditLog({ dataDir, publicKey, json }: AuditVerifyOptions): Promise<void> {
  const trustedKeys = publicKey && (await Promise.all(publicKey.map(readKey)));
  const folder = auditFolderOf(resolveDataFolder(dataDir));
  const verdict = await verifyAudit({
    folder,
    fileSystem: nodeFileSystem,
    signal: new AbortController().signal,
    ...(trustedKeys && { trustedKeys }),
  });
  const isThere = verdict.files > 0 || !verdict.isIntact;
  if (json === true) terminalOutput.printJson(verdict);
  else if (isThere) terminalOutput.print(describe(verdict));
  if (isThere) process.exitCode = verdict.isIntact ? exitCodes.done : exitCodes.failed;
  else sayThereIsNone(folder);
}

/** Prints records, the latest first, without a server. Sets the exit code. */
export async function queryAuditLog({ dataDir, limit, json, ...wanted }: AuditQueryOptions): Promise<void> {
  const folder = auditFolderOf(resolveDataFolder(dataDir));
  const { signal } = new AbortController();
  const records: AuditEntry[] = [];
  let next: string | null | undefined;
  do {
    const page = { ...wanted, limit: Math.min(limit - records.length, maxPageRecords) };
    const query = parsed({ ...page, ...(next !== undefined && { before: next }) });
    const answer = await queryAudit({ folder, fileSystem: nodeFileSystem }, query, signal).catch((error: unknown) => {
      const code = errorCode(error);
      if (code === undefined) throw error;
      const what = `The audit log cannot be read (${code}). Make ${folder} readable for this user, and try again.`;
      throw new CodedError('Unavailable', what, { cause: error });
    });
    // As it leaves the server: what chains a record to the one before is of no use outside its file.
    records.push(...queryResult.parse(answer).records);
    next = answer.next;
  } while (next !== null && records.length < limit);
  if (json === true) terminalOutput.printJson({ records, next });
  else if (records.length > 0) terminalOutput.print(textTable([queryHeads, ...records.map(rowOf)]));
  if (next !== null) terminalOutput.tell(`These are the last ${limit}; there may be more. --limit asks for more.\n`);
  if (records.length > 0) return;
  if ((await chainFilesIfThere(folder, nodeFileSystem)).length === 0) sayThereIsNone(folder);
  else if (json !== true) terminalOutput.tell('No record is like that.\n');
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

function sayThereIsNone(folder: string): void {
  terminalOutput.tell(`There is no audit log in ${folder}. It begins with the first thing that it records.\n`);
  process.exitCode = exitCodes.noInput;
}

/** What the contract makes of a query. Throws `InvalidParams`. */
function parsed(query: object): ReturnType<typeof queryParams.parse> {
  const result = queryParams.safeParse(query);
  if (result.success) return result.data;
  const [problem] = result.error.issues;
  const option = problem?.path.map(String).join('.') ?? '';
  throw new CodedError('InvalidParams', `--${option} cannot be used: ${problem?.message ?? 'invalid'}.`, {
    cause: result.error,
  });
}

function rowOf({ at, kind, outcome = '', actor, details }: AuditEntry): string[] {
  const { kind: who, ...where } = actor;
  const what = Object.entries(details).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [at, kind, outcome, [who, ...Object.values(where)].join(' '), what.join(' ')].map(cell);
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function describe({ isIntact, files, records, firstBad, problems, notes, keys }: AuditVerdict): string {
  const read = `${counted(records, 'record')} in ${counted(files, 'file')}`;
  const lines = [isIntact ? `Intact: ${read}.` : `BROKEN: ${read} could be read.`];
  for (const key of keys) lines.push(`Signed with ${key.keyId}: ${counted(key.files, 'file')}.`);
  for (const { file, kind, count } of notes) lines.push(`${file} ${noteSentences[kind](count)}.`);
  if (firstBad) {
    const { file, line, reason, message } = firstBad;
    const where = line === 0 ? '' : `, line ${line}`;
    lines.push(`First bad record: ${file}${where} (${reason}): ${message}`);
    if (problems.length > 1) lines.push(`There are ${problems.length} problems; --json lists them.`);
    lines.push(
      'Keep a copy of the folder audit as it is now, and compare it with an older copy, or with one in a backup.',
    );
  }
  return `${lines.join('\n')}\n`;
}
