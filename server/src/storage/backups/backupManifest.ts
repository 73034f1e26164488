import { createHash } from 'node:crypto';
import { z } from 'zod';
import { backupReason } from '../../../protocol/backup.ts';

/** Raised by a change that older programs cannot read. */
const formatVersion = 1;
const formatName = 'ai-dev-assistant backup';

/** Files are kept in parts of this size, so that a journal that has grown shares all but its end with its older copy. */
export const partBytes = 1024 * 1024;

/** What is saved, by the first name of its path: all that cannot be made anew. Secrets and what is derived stay out. */
export const savedRoots = ['conversations', 'audit', 'agents', 'settings.json'] as const;

/** What a restore of everything replaces as a whole. The audit log is not: no restore takes a record away. */
export const replacedRoots = ['conversations', 'agents', 'settings.json'] as const;

/** Whether a path is one of the audit log, which only grows. */
export function isAuditPath(relative: string): boolean {
  return relative.startsWith('audit/');
}

/** The private key of the audit log, which backups made before it was left out may still have. */
export function isSigningKey(relative: string): boolean {
  return relative.startsWith('audit/signingKey.pem');
}

/** What is to be known of a backup and is no damage, a sentence each. */
export function notesOf({ files }: Pick<BackupManifest, 'files'>): string[] {
  if (!files.some((file) => isSigningKey(file.path))) return [];
  return [
    'It holds the private key of the audit log, as backups of early versions do. No restore puts it back. If others could ' +
      'read the backups, remove audit/signingKey.pem while no server runs: a new key then signs from there on.',
  ];
}

const sha256 = z.string().regex(/^[\da-f]{64}$/);
const maxPathChars = 1_024;
const segment = /^(?!\.{1,2}$)[^/\\:\p{Cc}]{1,255}$/u;

/**
 * Whether a path, relative to the data folder and with slashes, may be saved and restored. A manifest is a file that
 * somebody may have changed, so nothing that leads out of the saved folders is ever written.
 */
export function isSavedPath(relative: string): boolean {
  const segments = relative.split('/');
  const [root] = segments;
  if (relative.length > maxPathChars || !segments.every((part) => segment.test(part))) return false;
  if (root === 'settings.json') return segments.length === 1;
  return segments.length > 1 && savedRoots.some((name) => name === root);
}

const savedFile = z.object({
  path: z.string().refine(isSavedPath),
  sizeBytes: z.int().min(0),
  /** Milliseconds since 1970, of the file that was read. */
  modifiedAt: z.number(),
  /** Bytes of the file that was read, the torn end of a journal included. */
  sourceBytes: z.int().min(0),
  sha256,
  parts: z.array(sha256),
  /** A journal whose beginning was damaged already when it was saved: it is no conversation that could be opened. */
  isUnopenable: z.literal(true).optional(),
});
export type SavedFile = z.output<typeof savedFile>;

const manifest = z.object({
  format: z.literal(formatName),
  version: z.literal(formatVersion),
  id: z.string().regex(/^\d{6}-[\dTZ-]{1,32}$/),
  /** Each is one more than that of the backup before, whatever the clock says. */
  number: z.int().min(1),
  createdAt: z.number(),
  productVersion: z.string(),
  reason: backupReason,
  files: z.array(savedFile).refine((files) => new Set(files.map((file) => file.path)).size === files.length),
  /** What could not be read; of these, `files` has the copy of the backup before, if that had one. */
  unreadable: z.array(z.object({ path: z.string(), code: z.string() })),
});
/** One generation: what was saved when and why, and of which parts each file consists. */
export type BackupManifest = Omit<z.output<typeof manifest>, 'format' | 'version'>;

export const manifestSuffix = '.json';

/** The number that stands in a manifest's name, so that it is known even where the file cannot be read. */
export function numberOf(fileName: string): number | undefined {
  const match = /^(\d{6})-[\dTZ-]{1,32}\.json$/.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

/** A name that a person can type and that sorts by age. */
export function backupId(number: number, createdAt: number): string {
  const time = new Date(createdAt).toISOString().slice(0, 19).replaceAll(':', '');
  return `${String(number).padStart(6, '0')}-${time}Z`;
}

/** The text of a manifest's file: one line of JSON, and one with its SHA-256. */
export function manifestText(facts: BackupManifest): string {
  const json = JSON.stringify({ format: formatName, version: formatVersion, ...facts });
  return `${json}\n${sha256Of(Buffer.from(json))}\n`;
}

/** Undefined where the text is not what `manifestText` has written. */
export function parseManifest(text: string): BackupManifest | undefined {
  const [json = '', checksum] = text.split('\n');
  if (checksum !== sha256Of(Buffer.from(json))) return undefined;
  const parsed = manifest.safeParse(JSON.parse(json));
  if (!parsed.success) return undefined;
  const { id, number, createdAt, productVersion, reason, files, unreadable } = parsed.data;
  return { id, number, createdAt, productVersion, reason, files, unreadable };
}

/** Bytes of the part of that index in a file. */
export function sizeOfPart(file: SavedFile, index: number): number {
  return Math.min(partBytes, file.sizeBytes - index * partBytes);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
