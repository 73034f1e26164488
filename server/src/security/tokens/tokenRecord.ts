import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { grantedScopes } from '../../../protocol/declaration.ts';

const idBytes = 8;
const secretBytes = 32;
const presentedPattern = /^ada_([0-9a-f]{16})_[\w-]{43}$/;

/** What is kept of a token: nothing from which it could be had again. */
const tokenRecord = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1).max(64),
  scope: z.enum(grantedScopes),
  /** SHA-256 of the whole token, in hex. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  expiresAt: z.number().optional(),
});
export type TokenRecord = z.output<typeof tokenRecord>;

/** A new token and the name of its record. */
export interface DrawnToken {
  readonly id: string;
  /** `ada_<id>_<256 random bits>` */
  readonly token: string;
}

/** Draws a token that holds nowhere yet. */
export function drawToken(): DrawnToken {
  const id = randomBytes(idBytes).toString('hex');
  return { id, token: `ada_${id}_${randomBytes(secretBytes).toString('base64url')}` };
}

/** The id in a token that somebody shows; undefined where it has not the form of one of these. */
export function idInToken(presented: string): string | undefined {
  return presentedPattern.exec(presented)?.[1];
}

/** SHA-256 in hex. The tokens are random, so that nothing slower is needed against guessing. */
export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Takes the same time for every wrong token, however much of it is right. */
export function isTokenOf(digest: string, presented: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(presented)), Buffer.from(digest));
}

/** Undefined for what is no record. */
export function parseTokenRecord(text: string): TokenRecord | undefined {
  try {
    return tokenRecord.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
