import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What a record's `previous` is where nothing was before it. */
export const nothingBefore = '0'.repeat(64);
/** The longest line of a chain or of its anchors, in bytes. */
export const maxLineBytes = 65_536;
export const formatVersion = 1;

const hash = z.string().regex(/^[\da-f]{64}$/);
const fileName = z.string().regex(/^\d{8}T\d{9}Z-[\da-f]{12}-\d{4,}\.jsonl$/);

/**
 * One line of a chain. `previous` is the SHA-256 of the bytes of the line before, without its line break; so whoever
 * trusts the last line has every line before it.
 */
export const auditRecord = z.strictObject({
  sequence: z.int().min(1),
  /** By the wall clock, which may go back; the order is that of `sequence`. */
  at: z.iso.datetime({ precision: 3 }),
  kind: z.string().max(64),
  outcome: z.string().max(64).optional(),
  actor: z.record(z.string(), z.string()),
  correlationId: z.string().max(128).optional(),
  details: z.record(z.string(), z.unknown()),
  previous: hash,
});
export type AuditRecord = z.output<typeof auditRecord>;

/** `details` of the first record of each file. */
export const openingDetails = z.object({
  format: z.literal(formatVersion),
  file: fileName,
  part: z.int().min(1),
  /** The file that this one goes on from. */
  follows: fileName.optional(),
  instanceId: z.string(),
  process: z.object({ pid: z.int(), startedAt: z.string() }),
  version: z.string(),
  /** SubjectPublicKeyInfo in base64; signs the anchors of this file. */
  publicKey: z.string().max(256),
  /** Where the private key is kept. */
  keyKeptBy: z.enum(['editor', 'file']),
});
export type OpeningDetails = z.output<typeof openingDetails>;

/** One chain as another one has seen it. */
export const witnessed = z.object({
  file: fileName,
  /** Of its last whole record. */
  sequence: z.int().min(1),
  head: hash,
  state: z.enum(['ended', 'open', 'crashed']),
  /** Bytes of a record that was being written when its server was killed. */
  tornBytes: z.int().min(1).optional(),
});
export type Witnessed = z.output<typeof witnessed>;
export const witnessDetails = z.object({ files: z.array(witnessed).max(64) });
export type WitnessDetails = z.output<typeof witnessDetails>;

export const deletionDetails = z.object({
  /** Milliseconds since 1970: files that ended before were to be deleted. */
  before: z.number(),
  reason: z.enum(['retention', 'person']),
  files: z.array(z.object({ file: fileName, sequence: z.int().min(0), head: hash })).max(64),
});
export type DeletionDetails = z.output<typeof deletionDetails>;

/**
 * One line beside a chain: its head at one moment, signed. `previous` links the anchors of one file; the first names the
 * hash of the first record. `ended` says that no record comes after, and whether another file goes on from there.
 */
export const anchor = z.strictObject({
  file: fileName,
  sequence: z.int().min(1),
  head: hash,
  previous: hash,
  ended: z.enum(['closed', 'rotated']).optional(),
  /** Ed25519 over the line without this field, in base64. */
  signature: z.string().length(88),
});
export type Anchor = z.output<typeof anchor>;

/** SHA-256 of a line, in hexadecimal. */
export function hashOf(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

/** The bytes that an anchor's signature stands for. */
export function signedText({ file, sequence, head, previous, ended }: Omit<Anchor, 'signature'>): string {
  return JSON.stringify({ file, sequence, head, previous, ended });
}

/** The one way to write an anchor. */
export function anchorLine(facts: Omit<Anchor, 'signature'>, signature: string): string {
  const { file, sequence, head, previous, ended } = facts;
  return JSON.stringify({ file, sequence, head, previous, ended, signature });
}

/** Named by when it was begun, so that a list of names is in the order of time where the clock is. */
export function chainFileName(at: number, instanceId: string, part: number): string {
  const time = new Date(at).toISOString().replace(/[-:.]/g, '');
  return `${time}-${instanceId}-${String(part).padStart(4, '0')}.jsonl`;
}

/** What a name says, or undefined if it is no chain's. */
export function parseChainFileName(
  name: string,
): { readonly at: number; readonly instanceId: string; readonly part: number } | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-([\da-f]{12})-(\d{4,})\.jsonl$/.exec(name);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second, ms] = match.slice(1, 8);
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return { at, instanceId: match[8] ?? '', part: Number(match[9]) };
}
