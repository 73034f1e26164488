import { hash } from 'node:crypto';
import { z } from 'zod';
import { DamagedFile } from './errors.ts';

/** Ways of writing change with this number, which stands in the path: what older versions wrote is never misread. */
export const formatVersion = 1;

/** Longer keys are kept in memory only. */
export const maxKeyChars = 4_096;
/** A record is a key, escaped, and some numbers. */
export const maxRecordBytes = 32 * 1024;

/** What is kept beside the content. Times are milliseconds since 1970. */
const record = z.strictObject({
  key: z.string().max(maxKeyChars),
  /** SHA-256 of the content in hexadecimal, which is also its name. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.int().min(0),
  storedAt: z.number(),
  freshUntil: z.number(),
  usableUntil: z.number(),
});
export type DiskRecord = z.output<typeof record>;

const mark = 'cache-entry';

export function digestOf(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/** A line that says what follows and its checksum, and a line of JSON. */
export function encodeRecord(content: DiskRecord): Uint8Array {
  const json = JSON.stringify(content);
  return Buffer.from(`${mark} ${digestOf(json)}\n${json}\n`);
}

/** Reads a record of `key`; throws `DamagedFile` for anything else. */
export function decodeRecord(bytes: Uint8Array, key: string, file: string): DiskRecord {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const [first = '', json = '', rest] = text.split('\n', 3);
  if (rest !== '' || first !== `${mark} ${digestOf(json)}`)
    throw new DamagedFile(file, 'the checksum of the record is wrong');
  const result = record.safeParse(parseJson(json, file));
  if (!result.success || result.data.key !== key) throw new DamagedFile(file, 'the record belongs to something else');
  return result.data;
}

function parseJson(json: string, file: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new DamagedFile(file, 'the record is no JSON, although its checksum is right');
  }
}
