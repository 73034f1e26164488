import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import { errorCode, type OpenFile } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { checksumBefore } from './checksumBefore.ts';
import type { ConversationJournal, JournalPurpose } from './conversationJournal.ts';
import { acquireLock, liveClaims, type ConversationLock } from './conversationLock.ts';
import { heldElsewhere, storageFailed } from './errors.ts';
import { removeUnfinished } from './journalCompaction.ts';
import { readJournal } from './journalFormat.ts';
import type { JournalPlace, JournalSystem, OpenedJournal, Surroundings } from './journalSystem.ts';
import { cutTornTail, keepDamaged, unkeptDamage } from './quarantine.ts';
import { ReadableJournal } from './readableJournal.ts';
import { WritableJournal } from './writableJournal.ts';

/** Which journal is opened, and what for. */
interface Opening {
  readonly path: string;
  readonly conversationId: string;
  readonly purpose: JournalPurpose;
}

/**
 * Opens a journal: for writing if that is wanted, nobody else holds it and its folder can be written, else for reading.
 * `onClosed` is called once, when it has been closed.
 */
export async function openJournal(
  { path: journalPath, conversationId, purpose }: Opening,
  system: JournalSystem,
  onClosed: () => void,
): Promise<ConversationJournal> {
  const place = { path: journalPath, fileName: path.basename(journalPath), conversationId };
  if (purpose === 'reading') return openForReading(place, await holderOf(place, system), { system, onClosed });
  let refusal: CodedError = heldElsewhere(conversationId);
  try {
    const lock = await acquireLock(path.dirname(journalPath), conversationId, system);
    if (lock !== undefined) return await openForWriting(place, lock, { system, onClosed });
  } catch (error) {
    if (error instanceof CodedError) throw error;
    // What cannot be written may still be read: another folder's mode, a read-only or a full disk.
    refusal = storageFailed('write to the conversation', error);
    system.logger.warn('A journal is opened for reading only', { fileName: place.fileName, error });
  }
  return openForReading(place, refusal, { system, onClosed });
}

/** Why it could not be written: undefined where nobody else holds it. */
async function holderOf(
  { path: file, conversationId }: JournalPlace,
  system: JournalSystem,
): Promise<CodedError | undefined> {
  const folder = path.dirname(file);
  try {
    const claims = await liveClaims({ folder, conversationId }, await system.fileSystem.list(folder), system);
    return claims.length > 0 ? heldElsewhere(conversationId) : undefined;
  } catch (error) {
    throw storageFailed('open the conversation', error);
  }
}

async function openForWriting(
  place: JournalPlace,
  lock: ConversationLock,
  around: Surroundings,
): Promise<ConversationJournal> {
  const { fileSystem, clock } = around.system;
  let file: OpenFile | undefined;
  try {
    await removeUnfinished(place, fileSystem);
    file = await fileSystem.open(place.path, 'append');
    const { identity } = await fileSystem.stat(place.path);
    // Read before anything is changed: a newer format, or a file that is no journal, stays as it is.
    const { fold, scan } = await readJournal(file, place.fileName);
    const damage = await keepDamaged({ path: place.path, file, damaged: scan.damaged }, fileSystem);
    if (scan.fileEnd > scan.goodEnd) {
      damage.push(await cutTornTail({ path: place.path, file, ...scan }, fileSystem, clock.now()));
    }
    const opened = { fold, scan, file, identity };
    noteReading(place, opened, damage, around.system.logger);
    return new WritableJournal(place, opened, { ...around, lock, damage });
  } catch (error) {
    // Whatever closing says: who keeps the claim keeps everybody from writing.
    await lock.release();
    await file?.close();
    throw error;
  }
}

async function openForReading(
  place: JournalPlace,
  refusal: CodedError | undefined,
  around: Surroundings,
): Promise<ConversationJournal> {
  const { fileSystem, logger } = around.system;
  let file: OpenFile | undefined;
  try {
    // In this order: if another file takes its place in between, that is noticed at the first look.
    const { identity } = await fileSystem.stat(place.path);
    file = await fileSystem.open(place.path, 'read');
    const opened = { ...(await readJournal(file, place.fileName)), file, identity };
    const siblings = await fileSystem.list(path.dirname(place.path));
    const damage = unkeptDamage(place.path, opened.scan.damaged, siblings);
    noteReading(place, opened, damage, logger);
    const endChecksum = await checksumBefore(file, opened.scan.goodEnd);
    return new ReadableJournal(place, opened, { ...around, refusal, damage, endChecksum });
  } catch (error) {
    await file?.close();
    if (errorCode(error) === 'ENOENT')
      throw new CodedError('NotFound', `Conversation ${place.conversationId} was deleted.`);
    throw storageFailed('open the conversation', error);
  }
}

function noteReading(place: JournalPlace, { fold }: OpenedJournal, damage: readonly string[], logger: Logger): void {
  const { fileName } = place;
  for (const sentence of damage) logger.warn('A journal is damaged', { fileName, damage: sentence });
  if (fold.passedOver > 0)
    logger.info('Records of unknown kinds were passed over', { fileName, count: fold.passedOver });
}
