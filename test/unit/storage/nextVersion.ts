import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { recordsOf } from './versionOneReader.ts';

/** What a program of version 2 finds in a journal. */
export interface NextVersionContent {
  readonly version: unknown;
  /** The updates of all events, also those that an older program wrote. */
  readonly updates: readonly unknown[];
  /** Who wrote an event, where that is said; older programs do not say. */
  readonly authors: readonly unknown[];
  /** A kind of record that version 1 does not have. */
  readonly notes: readonly unknown[];
}

/**
 * What a program does that knows version 2: it raises the version of the file, under a new name that takes the old one's
 * place. `readableFrom` is the oldest version whose programs may go on with the file.
 */
export function upgradeToNextVersion(file: string, readableFrom?: number): void {
  const [header, ...records] = recordsOf(file);
  const raised = { ...header, version: 2, ...(readableFrom !== undefined && { readableFrom }), mood: 'curious' };
  const json = [raised, ...records].map((record) => JSON.stringify(record));
  writeFileSync(`${file}.upgraded`, Buffer.concat(json.map((text) => encodeRecord(text))));
  renameSync(`${file}.upgraded`, file);
}

/** Appends an event with a field, and a record of a kind, that version 1 does not know. */
export function appendAsNextVersion(file: string, update: SessionUpdate, note: string): void {
  const numbers = recordsOf(file).map(({ sequence }) => (typeof sequence === 'number' ? sequence : 0));
  const event = { sequence: Math.max(...numbers) + 1, at: 1, update, author: 'somebody' };
  appendFileSync(file, Buffer.concat([event, { note }].map((record) => encodeRecord(JSON.stringify(record)))));
}

/** Throws where the file is of a version that is newer than the next one, too. */
export function readAsNextVersion(file: string): NextVersionContent {
  const text = readFileSync(file, 'utf8');
  const [header, ...records] = recordsOf(file);
  if (!text.includes('ai-dev-assistant conversation') || Number(header?.['version']) > 2) throw new Error('Not for it');
  const events = records.filter(({ sequence }) => sequence !== undefined);
  return {
    version: header?.['version'],
    updates: events.map(({ update }) => update),
    authors: events.flatMap(({ author }) => (author === undefined ? [] : [author])),
    notes: records.flatMap(({ note }) => (note === undefined ? [] : [note])),
  };
}
