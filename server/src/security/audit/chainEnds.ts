import * as path from 'node:path';
import { errorCode, type FileSystem, type OpenFile } from '../../base/fileSystem.ts';
import type { ProcessTable } from '../../base/processTable.ts';
import {
  anchor,
  auditRecord,
  hashOf,
  maxLineBytes,
  openingDetails,
  parseChainFileName,
  type AuditRecord,
  type OpeningDetails,
  type Witnessed,
} from './auditRecord.ts';
import { anchorsFolder } from './chainFile.ts';

/** A new chain tells of so many others, the latest. */
const maxWitnessed = 16;
const newline = 0x0a;

interface Place {
  readonly folder: string;
  readonly fileSystem: FileSystem;
}

/** What both ends of a file tell of the whole. */
export interface ChainEnds {
  readonly opening: OpeningDetails;
  readonly last: AuditRecord;
  readonly head: string;
  /** Bytes behind the last whole record. */
  readonly tornBytes: number;
  readonly ended: 'closed' | 'rotated' | undefined;
}

/** Names of the files of all chains, the latest first. */
export async function listChainFiles({ folder, fileSystem }: Place): Promise<string[]> {
  const names = await fileSystem.list(folder);
  return names
    .filter((name) => parseChainFileName(name) !== undefined)
    .sort()
    .reverse();
}

/** How the latest chains of other servers stand, as far as they can be read. */
export async function witnessOthers(
  options: Place & { readonly processes: ProcessTable },
  instanceId: string,
): Promise<Witnessed[]> {
  const names = await listChainFiles(options);
  const others = names.filter((name) => parseChainFileName(name)?.instanceId !== instanceId).slice(0, maxWitnessed);
  const seen = await Promise.all(
    others.map(async (file): Promise<Witnessed | undefined> => {
      const ends = await readChainEnds(options, file);
      if (!ends) return undefined;
      const { last, head, tornBytes } = ends;
      const state = await stateOf(ends, options.processes);
      return { file, sequence: last.sequence, head, state, ...(tornBytes > 0 && state !== 'open' && { tornBytes }) };
    }),
  );
  return seen.filter((one) => one !== undefined);
}

export async function stateOf(ends: ChainEnds, processes: ProcessTable): Promise<Witnessed['state']> {
  if (ends.ended !== undefined) return 'ended';
  return (await processes.isAlive(ends.opening.process)) ? 'open' : 'crashed';
}

/** Undefined where a file is gone, or has no record at an end that could be read: finding out why is for who verifies. */
export async function readChainEnds({ folder, fileSystem }: Place, name: string): Promise<ChainEnds | undefined> {
  try {
    const ended = await readEnding(fileSystem, path.join(folder, anchorsFolder, name));
    const file = await fileSystem.open(path.join(folder, name), 'read');
    try {
      const { sizeBytes } = await fileSystem.stat(path.join(folder, name));
      const start = await readBlock(file, 0, Math.min(sizeBytes, maxLineBytes));
      const first = parseRecord(start.subarray(0, Math.max(0, start.indexOf(newline))));
      const opening = openingDetails.safeParse(first?.details);
      const tail = await readTail(file, sizeBytes);
      const last = tail.line && parseRecord(tail.line);
      if (!opening.success || !tail.line || !last) return undefined;
      return { opening: opening.data, last, head: hashOf(tail.line), tornBytes: tail.tornBytes, ended };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readEnding(fileSystem: FileSystem, file: string): Promise<ChainEnds['ended']> {
  const handle = await fileSystem.open(file, 'read');
  try {
    const { line } = await readTail(handle, (await fileSystem.stat(file)).sizeBytes);
    return line && anchor.safeParse(parseJson(line)).data?.ended;
  } finally {
    await handle.close();
  }
}

/** The last whole line, and how many bytes come after it. */
async function readTail(
  file: OpenFile,
  sizeBytes: number,
): Promise<{ readonly line: Buffer | undefined; readonly tornBytes: number }> {
  const from = Math.max(0, sizeBytes - 2 * maxLineBytes);
  const block = await readBlock(file, from, sizeBytes - from);
  const end = block.lastIndexOf(newline);
  if (end < 0) return { line: undefined, tornBytes: block.byteLength };
  const start = end === 0 ? 0 : block.lastIndexOf(newline, end - 1) + 1;
  return { line: block.subarray(start, end), tornBytes: block.byteLength - end - 1 };
}

async function readBlock(file: OpenFile, position: number, lengthBytes: number): Promise<Buffer> {
  const block = Buffer.alloc(lengthBytes);
  let length = 0;
  while (length < lengthBytes) {
    const count = await file.read(block.subarray(length), position + length);
    if (count === 0) break;
    length += count;
  }
  return block.subarray(0, length);
}

function parseRecord(line: Uint8Array): AuditRecord | undefined {
  return auditRecord.safeParse(parseJson(line)).data;
}

/** Undefined where it is no JSON. */
export function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
  } catch {
    // That it is none is the answer.
    return undefined;
  }
}
