import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { sessionEvent, type SessionEvent } from '../../../server/protocol/sessionEvents.ts';

const line = /^(\d{1,7}) ([\da-f]{8}) (.*)$/;

/** The records of a journal, read by the rules of the first version and by nothing of the program's own. */
export function recordsOf(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text) => {
      const [, length, checksum, json = ''] = line.exec(text) ?? [];
      const isWhole = Number(length) === Buffer.byteLength(json) && Number.parseInt(checksum ?? '', 16) === crc32(json);
      return isWhole ? [JSON.parse(json) as Record<string, unknown>] : [];
    });
}

/**
 * What the first version makes of a journal: the header, then every record with a number that is higher than the one
 * before and of a kind that it knows. Everything else it passes over.
 */
export function versionOneEvents(file: string): SessionEvent[] {
  const [header, ...records] = recordsOf(file);
  if (header?.['format'] !== 'ai-dev-assistant conversation' || header['version'] !== 1) throw new Error('Not for it');
  let last = 0;
  return records.flatMap((record) => {
    const { sequence } = record;
    if (typeof sequence !== 'number' || sequence <= last) return [];
    last = sequence;
    const parsed = sessionEvent.safeParse(record);
    return parsed.success ? [parsed.data] : [];
  });
}
