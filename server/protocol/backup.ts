import { z } from 'zod';
import { request, serverNotification } from './declaration.ts';
import { conversationId } from './sessionEvents.ts';

const minuteMs = 60_000;
/** A first backup of many gigabytes takes a while. */
const longestMs = 30 * minuteMs;
const backupName = z.string().min(1).max(64);

/** Why a backup was made: somebody asked, a day was over, or before something that changes much. */
export const backupReason = z.enum(['manual', 'daily', 'upgrade', 'migration', 'restore']);
export type BackupReason = z.output<typeof backupReason>;

/** What is to be known of it and is no damage, a sentence each: that it holds a private key, say. */
const notes = z.array(z.string());

export const backupSummary = z.object({
  id: z.string(),
  /** Milliseconds since 1970; null where the backup is so damaged that it does not say. */
  createdAt: z.number().nullable(),
  reason: backupReason.nullable(),
  /** Of the program that made it. */
  version: z.string().nullable(),
  conversations: z.int().min(0),
  files: z.int().min(0),
  /** Of all files together; parts that backups share count in each. */
  sizeBytes: z.number().min(0),
  /** `partial`: some files could not be read, or were damaged before. `damaged`: something of it is missing or wrong. */
  status: z.enum(['good', 'partial', 'damaged']),
  notes,
});
export type BackupSummary = z.output<typeof backupSummary>;

export const backup = {
  'backup/create': request({
    summary: 'Saves the conversations, the audit log and settings as they are now. Secrets are never saved.',
    params: z.strictObject({}),
    result: z.object({
      backup: backupSummary,
      /** What could not be read, relative to the data folder; 100 at most. */
      unreadable: z.array(z.object({ path: z.string(), code: z.string() })),
      /** Journals that were saved as they are, and whose beginnings are damaged: no conversations any more; 100 at most. */
      unopenable: z.array(z.string()),
    }),
    errors: ['Conflict'],
    scope: 'admin',
    timeoutMs: longestMs,
  }),
  'backup/list': request({
    summary: 'Lists the backups, the latest first, and how much room they take together.',
    params: z.strictObject({}),
    result: z.object({ backups: z.array(backupSummary), usedBytes: z.number().min(0) }),
    scope: 'read',
    timeoutMs: minuteMs,
  }),
  'backup/verify': request({
    summary: 'Reads a backup back, or all, and says what is damaged. What is damaged is put aside, not deleted.',
    params: z.strictObject({ id: backupName.optional() }),
    result: z.object({
      backups: z.array(
        z.object({
          id: z.string(),
          isGood: z.boolean(),
          /** A sentence each; 100 at most. */
          problems: z.array(z.string()),
          notes,
        }),
      ),
    }),
    errors: ['NotFound', 'Conflict'],
    scope: 'admin',
    timeoutMs: longestMs,
  }),
  'backup/restore': request({
    summary:
      'Puts everything, or one conversation, back as it was when the backup was made, after a backup of how it is now. ' +
      'Of the audit log nothing is taken away: it only gets back what is gone. Clients attach to conversations anew ' +
      'afterwards. A dry run only says what would change.',
    params: z.strictObject({
      id: backupName,
      dryRun: z.boolean().default(false),
      /** Only this conversation; all else stays as it is. */
      sessionId: conversationId.optional(),
      /** Of a damaged backup, what is whole: files that are damaged in it stay as they are now. */
      skipDamaged: z.boolean().default(false),
    }),
    result: z.object({
      id: z.string(),
      /** Restoring this one takes the restore back; null for a dry run. */
      undoId: z.string().nullable(),
      /** Files, relative to the data folder, that the restore adds, changes and removes; 1,000 of each at most. */
      added: z.array(z.string()),
      changed: z.array(z.string()),
      removed: z.array(z.string()),
      /** Those that are damaged in the backup, and stay as they are; 1,000 at most. */
      damaged: z.array(z.string()),
      /** For a dry run: why a restore would be refused now, a sentence; null where nothing stands in its way. */
      hindrance: z.string().nullable(),
    }),
    errors: ['NotFound', 'Conflict', 'Unsupported'],
    scope: 'admin',
    timeoutMs: longestMs,
  }),
  'backup/progressed': serverNotification({
    summary: 'Some of the files that a backup, a verification or a restore has to go through are done.',
    params: z.object({
      work: z.enum(['create', 'verify', 'restore']),
      done: z.int().min(0),
      total: z.int().min(0),
    }),
  }),
} as const;
