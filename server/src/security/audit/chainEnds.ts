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
  witnessDetails,
  type AuditRecord,
  type OpeningDetails,
  type Witnessed,
} from './auditRecord.ts';
import { anchorsFolder } from './chainFile.ts';

/** A new chain tells of so many others that began latest, and of those that these saw open, of so many in all. */
const maxLatest = 16;
const maxWitnessed = 64;
const newline = 0x0a;

interface Place {
  readonly folder: string;
  readonly fileSystem: FileSystem;
}

/** What both ends of a file tell of the whole. */
export interface ChainEnds {
  readonly opening: OpeningDetails;
  /** How it saw the chains of others as it began. */
  readonly witnessed: readonly Witnessed[];
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

/**
 * How the chains of other servers stand, as far as they can be read: the latest, and those before them that were open when
 * one of the latest began, so that one that goes on for long is told of by all that begin meanwhile, and by one after its end.
 */
export async function witnessOthers(
  options: Place & { readonly processes: ProcessTable },
  instanceId: string,
): Promise<Witnessed[]> {
  const isOther = (name: string): boolean => parseChainFileName(name)?.instanceId !== instanceId;
  const names = (await listChainFiles(options)).filter(isOther);
  const latest = await readAllEnds(options, names.slice(0, maxLatest));
  const seenOpen = new Set(
    [...latest.values()]
      .flatMap(({ witnessed: seen }) => seen.filter(({ state }) => state === 'open'))
      .map(({ file }) => file),
  );
  const earlier = names.slice(maxLatest).filter((name) => seenOpen.has(name));
  const ends = new Map([...latest, ...(await readAllEnds(options, earlier.slice(0, maxWitnessed - maxLatest)))]);
  return Promise.all(
    [...ends].map(async ([file, one]): Promise<Witnessed> => {
      const { last, head, tornBytes } = one;
      const state = await stateOf(one, options.processes);
      return { file, sequence: last.sequence, head, state, ...(tornBytes > 0 && state !== 'open' && { tornBytes }) };
    }),
  );
}

/** By name, in the order of `names`; without those that cannot be read. */
async function readAllEnds(place: Place, names: readonly string[]): Promise<Map<string, ChainEnds>> {
  const read = await Promise.all(names.map(async (name) => [name, await readChainEnds(place, name)] as const));
  return new Map(read.flatMap(([name, ends]) => (ends ? [[name, ends]] : [])));
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
      const beginning = readBeginning(await readBlock(file, 0, Math.min(sizeBytes, 2 * maxLineBytes)));
      const tail = await readTail(file, sizeBytes);
      const last = tail.line && parseRecord(tail.line);
      if (!beginning || !tail.line || !last) return undefined;
      return { ...beginning, last, head: hashOf(tail.line), tornBytes: tail.tornBytes, ended };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The opening, and what stands right behind it of others. Undefined where there is no opening. */
function readBeginning(block: Buffer): Pick<ChainEnds, 'opening' | 'witnessed'> | undefined {
  const records = recordsOf(block);
  const opening = openingDetails.safeParse(records.next().value?.details).data;
  const witnessed: Witnessed[] = [];
  for (const { kind, details } of records) {
    if (kind !== 'chain.witnessed') break;
    witnessed.push(...(witnessDetails.safeParse(details).data?.files ?? []));
  }
  return opening && { opening, witnessed };
}

/** Up to the first line that is none, or is not whole. */
function* recordsOf(block: Buffer): Generator<AuditRecord, undefined> {
  let start = 0;
  for (let end = block.indexOf(newline); end >= 0; end = block.indexOf(newline, start)) {
    const record = parseRecord(block.subarray(start, end));
    if (!record) return;
    yield record;
    start = end + 1;
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
