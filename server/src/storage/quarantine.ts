import * as path from 'node:path';
import { errorCode, writeFully, type FileSystem, type OpenFile } from '../base/fileSystem.ts';
import type { Unreadable } from './conversationJournal.ts';
import type { DamagedRange } from './recordCodec.ts';

const copyBytes = 256 * 1024;
/** Damaged places of one journal that are kept aside and told of one by one. The others stay in the journal all the same. */
const maxPlaces = 100;

/**
 * Copies the torn end of a journal into a file beside it and only then cuts it off, so that nothing is lost that a
 * person may want to look at. Answers one sentence about it.
 */
export async function cutTornTail(
  journal: { readonly path: string; readonly file: OpenFile; readonly goodEnd: number; readonly fileEnd: number },
  fileSystem: FileSystem,
  now: number,
): Promise<string> {
  const { path: journalPath, file, goodEnd, fileEnd } = journal;
  const aside = await createUnused(`${journalPath}.torn-${stampOf(now)}`, fileSystem);
  await fillAside(aside, { file, offset: goodEnd, lengthBytes: fileEnd - goodEnd }, fileSystem);
  await file.truncate(goodEnd);
  await file.datasync();
  return `The last ${fileEnd - goodEnd} bytes were not written whole. They were cut off and kept in ${path.basename(aside.path)}.`;
}

/**
 * Copies damaged ranges into files beside the journal, named after their places; the journal itself is not touched.
 * Answers one sentence for each range that had not been kept before.
 */
export async function keepDamaged(
  journal: { readonly path: string; readonly file: OpenFile; readonly damaged: readonly DamagedRange[] },
  fileSystem: FileSystem,
): Promise<string[]> {
  const sentences: string[] = [];
  for (const { offset, lengthBytes } of journal.damaged.slice(0, maxPlaces)) {
    const asidePath = damagedPath(journal.path, { offset, lengthBytes });
    let target: OpenFile;
    try {
      target = await fileSystem.open(asidePath, 'createNew');
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      throw error;
    }
    await fillAside({ path: asidePath, file: target }, { file: journal.file, offset, lengthBytes }, fileSystem);
    sentences.push(damageSentence({ offset, lengthBytes }, ` They were kept in ${path.basename(asidePath)}.`));
  }
  return [...sentences, ...sentenceOfOthers(sentences, journal.damaged)];
}

/** The sentences for a reader, which may keep nothing: those of ranges that no writer has kept yet. */
export function unkeptDamage(
  journalPath: string,
  damaged: readonly DamagedRange[],
  fileNames: readonly string[],
): string[] {
  const sentences = damaged
    .slice(0, maxPlaces)
    .filter((range) => !fileNames.includes(path.basename(damagedPath(journalPath, range))))
    .map((range) => damageSentence(range, ''));
  return [...sentences, ...sentenceOfOthers(sentences, damaged)];
}

/** Told together with the first ones, and as seldom. */
function sentenceOfOthers(sentences: readonly string[], damaged: readonly DamagedRange[]): string[] {
  if (sentences.length === 0 || damaged.length <= maxPlaces) return [];
  return [`${damaged.length - maxPlaces} further places are damaged and were passed over, too.`];
}

/** The damaged places of a journal; undefined where there is none. */
export function unreadableOf(damaged: readonly DamagedRange[]): Unreadable | undefined {
  const last = damaged.at(-1);
  return last && { places: damaged.length, mark: `${damaged.length}-${last.offset}-${last.lengthBytes}` };
}

function damageSentence({ offset, lengthBytes }: DamagedRange, kept: string): string {
  return `${lengthBytes} bytes at position ${offset} are damaged and were passed over; the rest was read.${kept}`;
}

function damagedPath(journalPath: string, { offset, lengthBytes }: DamagedRange): string {
  return `${journalPath}.damaged-${offset}-${lengthBytes}`;
}

interface Aside {
  readonly path: string;
  readonly file: OpenFile;
}

async function createUnused(wanted: string, fileSystem: FileSystem): Promise<Aside> {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      return { path: candidate, file: await fileSystem.open(candidate, 'createNew') };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || number >= 100) throw error;
    }
  }
}

/** Copies a range into `aside` and closes it; if that fails, removes it, so that a half copy is never taken for one. */
async function fillAside(
  aside: Aside,
  from: { readonly file: OpenFile; readonly offset: number; readonly lengthBytes: number },
  fileSystem: FileSystem,
): Promise<void> {
  try {
    try {
      await copyRange(from, aside.file);
      await aside.file.datasync();
    } finally {
      await aside.file.close();
    }
  } catch (error) {
    await fileSystem.remove(aside.path);
    throw error;
  }
  await fileSystem.syncFolder(path.dirname(aside.path));
}

async function copyRange(
  from: { readonly file: OpenFile; readonly offset: number; readonly lengthBytes: number },
  to: OpenFile,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(copyBytes);
  let done = 0;
  while (done < from.lengthBytes) {
    const wanted = chunk.subarray(0, Math.min(copyBytes, from.lengthBytes - done));
    const count = await from.file.read(wanted, from.offset + done);
    if (count === 0) return;
    await writeFully(to, wanted.subarray(0, count), done);
    done += count;
  }
}

/** A time that may stand in a file name on every platform. */
function stampOf(now: number): string {
  return new Date(now).toISOString().replaceAll(':', '').replaceAll('.', '');
}
