import { z } from 'zod';
import { request } from './declaration.ts';

/** Every kind of event of the audit log, those that it tells of itself last. */
export const auditKinds = [
  'authentication.failed',
  'request.refused',
  'permission.decided',
  'permission.answered',
  'command.run',
  'terminal.created',
  'terminal.input',
  'file.written',
  'token.changed',
  'secret.changed',
  'setting.changed',
  'trust.changed',
  'deployment.changed',
  'conversation.deleted',
  'conversation.imported',
  'backup.created',
  'backup.restored',
  'chain.opened',
  'chain.witnessed',
  'chain.closed',
  'audit.missed',
  'audit.deleted',
] as const;
export type AuditKind = (typeof auditKinds)[number];

const momentForm = 'expected a time, such as 2026-11-24T12:00:00Z';
const moment = z.iso.datetime({ offset: true, error: momentForm });
/** Of a day, as it is where the server runs, all of it counts. */
const momentOrDay = z.union([moment, z.iso.date()], { error: `${momentForm}, or a day, such as 2026-11-24` });

const auditEntry = z.object({
  /** File and number of the record: the two name it. */
  file: z.string(),
  sequence: z.int(),
  /** By the wall clock of the server, which may have been set back; the order is that of `sequence`. */
  at: z.string(),
  /** `command.run`, `permission.decided`, `authentication.failed`, … */
  kind: z.string(),
  outcome: z.string().optional(),
  /** Who: `kind` is person, agent, client or server; `via`, `client`, `token`, `conversationId` where they apply. */
  actor: z.record(z.string(), z.string()),
  correlationId: z.string().optional(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.output<typeof auditEntry>;

/** Why a record does not hold; `line` counts from 1, 0 is the file as a whole. */
const auditProblem = z.object({ file: z.string(), line: z.int(), reason: z.string(), message: z.string() });

export const audit = {
  'audit/query': request({
    summary:
      'Gives a page of the audit log, the latest file first and the last record of each file first. Where `from` or `to` is ' +
      'a day, it is one of the machine, and counts whole.',
    params: z.strictObject({
      from: momentOrDay.optional(),
      to: momentOrDay.optional(),
      /** Exactly this kind. */
      kind: z.enum(auditKinds, { error: `expected one of ${auditKinds.join(', ')}` }).optional(),
      /** Any part of the actor: a kind, a client, the id of a token, a conversation. */
      actor: z.string().max(256).optional(),
      limit: z.int().min(1).max(200).default(50),
      /** `next` of the page before. */
      before: z.string().max(128).optional(),
    }),
    result: z.object({
      records: z.array(auditEntry),
      /** Null at the end. A page may be short, or empty, before the end: then few of many records matched. */
      next: z.string().nullable(),
    }),
    scope: 'admin',
  }),
  'audit/verify': request({
    summary: 'Checks every chain of the audit log, and names the first record that does not hold.',
    params: z.strictObject({}),
    result: z.object({
      intact: z.boolean(),
      files: z.int(),
      records: z.int(),
      firstBad: auditProblem.nullable(),
      problems: z.int(),
      /** No signs of tampering: records that were torn or not yet signed when a server was killed, clocks set back. */
      notes: z.array(z.object({ file: z.string(), kind: z.string(), count: z.int() })),
      /** Which keys have signed how many files. */
      keys: z.array(z.object({ keyId: z.string(), files: z.int() })),
    }),
    scope: 'read',
    timeoutMs: 600_000,
  }),
  'audit/delete': request({
    summary: 'Deletes whole files of the audit log whose last record is older than a time, and records that.',
    params: z.strictObject({ before: moment }),
    result: z.object({ files: z.int() }),
    scope: 'admin',
    timeoutMs: 60_000,
  }),
} as const;
