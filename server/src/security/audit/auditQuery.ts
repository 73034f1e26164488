import * as path from 'node:path';
import type { ParsedParamsOf, ResultOf } from '../../../protocol/contract.ts';
import { CodedError } from '../../../protocol/errors.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import { auditRecord, maxLineBytes, parseChainFileName, type AuditRecord } from './auditRecord.ts';
import { listChainFiles, parseJson } from './chainEnds.ts';
import { readLinesBackwards } from './fileLines.ts';

/** A page ends after so many bytes were read, found enough or not: the caller asks on, and nobody waits for long. */
const maxReadBytes = 16 * 1024 * 1024;

type Query = ParsedParamsOf<'audit/query'>;
type Page = ResultOf<'audit/query'>;

/** One page of records, those of the latest file first and the last of each file first. */
export async function queryAudit(
  { folder, fileSystem }: { readonly folder: string; readonly fileSystem: FileSystem },
  query: Query,
  signal: AbortSignal,
): Promise<Page> {
  const start = query.before === undefined ? undefined : parseCursor(query.before);
  const names = (await chainFilesIfThere(folder, fileSystem)).filter(
    (name) => start === undefined || name <= start.file,
  );
  const records: Page['records'] = [];
  let readBytes = 0;
  for (const name of names) {
    const file = await openIfThere(path.join(folder, name), fileSystem);
    if (!file) continue;
    try {
      const { sizeBytes } = await fileSystem.stat(path.join(folder, name));
      const end = start?.file === name ? Math.min(start.offset, sizeBytes) : sizeBytes;
      for await (const { bytes, offset } of readLinesBackwards(file, { end, maxBytes: maxLineBytes })) {
        signal.throwIfAborted();
        readBytes += bytes.byteLength;
        const record = auditRecord.safeParse(parseJson(bytes)).data;
        if (record && matches(record, query)) records.push({ ...record, file: name });
        if (records.length >= query.limit || readBytes >= maxReadBytes) {
          return { records, next: `${name}@${offset}` };
        }
      }
    } finally {
      await file.close();
    }
  }
  return { records, next: null };
}

function matches(record: AuditRecord, { from, to, kind, actor }: Query): boolean {
  const at = Date.parse(record.at);
  if (from !== undefined && at < timeOf(from, '00:00:00.000')) return false;
  if (to !== undefined && at > timeOf(to, '23:59:59.999')) return false;
  if (kind !== undefined && record.kind !== kind) return false;
  return actor === undefined || Object.values(record.actor).includes(actor);
}

/** In milliseconds since 1970; of a day the time `ofDay` where this server runs. */
function timeOf(momentOrDay: string, ofDay: string): number {
  return Date.parse(momentOrDay.includes('T') ? momentOrDay : `${momentOrDay}T${ofDay}`);
}

function parseCursor(cursor: string): { readonly file: string; readonly offset: number } {
  const [, file = '', offset = ''] = /^([^@]{1,100})@(\d{1,15})$/.exec(cursor) ?? [];
  if (parseChainFileName(file) !== undefined) return { file, offset: Number(offset) };
  throw new CodedError('InvalidParams', '"before" is not what an earlier page gave as "next". Leave it out to begin.');
}

/** Names of the files of all chains, the latest first; none where there is no folder. */
export async function chainFilesIfThere(folder: string, fileSystem: FileSystem): Promise<readonly string[]> {
  try {
    return await listChainFiles({ folder, fileSystem });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function openIfThere(file: string, fileSystem: FileSystem) {
  try {
    return await fileSystem.open(file, 'read');
  } catch (error) {
    // Deleted by its retention since it was listed.
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
