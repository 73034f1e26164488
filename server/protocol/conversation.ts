import { z } from 'zod';
import { request, serverNotification } from './declaration.ts';
import { conversationId, stopReason } from './sessionEvents.ts';

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a day, such as 2026-11-24');

/** What stands in the index of one conversation beside its title. */
export const conversationDetails = {
  persona: z.string().nullable(),
  /** `provider/model` of the last turn, or the one chosen since. */
  model: z.string().nullable(),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  /** As agents that know a price reported it, in their currency; null where none did. */
  cost: z.number().min(0).nullable(),
  /** How the last turn ended; `new` before the first, `running` while none of its ends was written. */
  state: z.union([stopReason, z.enum(['new', 'running'])]),
};

/** Most of a file that one request may bring; a longer file comes in parts. */
const maxImportedChars = 2_000_000;
/** Names an export or an import that goes on; good for one request. */
const cursor = z.string().min(1).max(64);

/** One place in a conversation that a search has found. */
export const searchHit = z.looseObject({
  sessionId: conversationId,
  title: z.string(),
  cwd: z.string(),
  /** Milliseconds since 1970. */
  updatedAt: z.number(),
  ...conversationDetails,
  kind: z.enum(['title', 'user', 'agent', 'command', 'file']),
  /** Of the event that the hit begins with. */
  sequence: z.int().min(1),
  at: z.number(),
  /** Some words around what was found. */
  snippet: z.string(),
  /** Where the words that were searched for stand in `snippet`, in UTF-16 units. */
  highlights: z.array(z.object({ start: z.int().min(0), end: z.int().min(0) })),
});
export type SearchHit = z.output<typeof searchHit>;

const totals = {
  turns: z.int().min(0),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cost: z.number().min(0),
};

export const conversation = {
  'conversation/search': request({
    summary:
      'Searches messages, command lines and file names of the open workspace, or of all where none is open; the ' +
      'latest first. Every word must occur, its beginning is enough; words in quotes must follow one another.',
    params: z.strictObject({ query: z.string().max(1_000), limit: z.int().min(1).max(500).default(50) }),
    /** Not complete while the index is being built: asking again later may give more. */
    result: z.object({ hits: z.array(searchHit), isComplete: z.boolean() }),
    scope: 'read',
  }),
  'conversation/usage': request({
    summary:
      'Sums up turns, tokens and costs of the open workspace, or of all where none is open: in all, by day, by model ' +
      'and by persona. Days are those of the machine, both ends included.',
    params: z.strictObject({ fromDay: day.default('0000-01-01'), toDay: day.default('9999-12-31') }),
    result: z.object({
      total: z.object(totals),
      byDay: z.array(z.object({ day: z.string(), ...totals })),
      /** The model is empty for what was used before one was known. */
      byModel: z.array(z.object({ model: z.string(), ...totals })),
      /** The persona is empty for turns without one. */
      byPersona: z.array(z.object({ persona: z.string(), ...totals })),
      isComplete: z.boolean(),
    }),
    scope: 'read',
  }),
  'conversation/rename': request({
    summary: 'Gives a conversation another title.',
    params: z.strictObject({ sessionId: conversationId, title: z.string().trim().min(1).max(200) }),
    result: z.object({}),
    errors: ['NotFound', 'Conflict'],
    scope: 'agent',
  }),
  'conversation/export': request({
    summary:
      'Gives a conversation as Markdown for people or as JSON for programs: whole messages, as they were when it began. ' +
      'A long one comes in pages: ask again with `nextCursor` within a minute, and join the pages until there is none.',
    params: z.strictObject({
      sessionId: conversationId,
      format: z.enum(['markdown', 'json']),
      cursor: cursor.optional(),
    }),
    result: z.object({ content: z.string(), nextCursor: cursor.optional() }),
    errors: ['NotFound', 'Unsupported', 'ResourceLimit'],
    scope: 'read',
    timeoutMs: 30_000,
  }),
  'conversation/import': request({
    summary:
      'Begins a conversation with what was exported as JSON, in the open workspace, or about the folder `cwd`; it gets a ' +
      'new id. A long file comes in parts: all but the last with `isPart`, and each with the cursor of the one before.',
    params: z.strictObject({
      content: z.string().max(maxImportedChars),
      isPart: z.boolean().default(false),
      cursor: cursor.optional(),
      /** Absolute path of the folder it is to be about; the first open folder if left out. */
      cwd: z.string().min(1).max(4096).optional(),
    }),
    /** The conversation, or after a part with what to go on. */
    result: z.union([z.object({ sessionId: conversationId, title: z.string() }), z.object({ nextCursor: cursor })]),
    errors: ['InvalidCwd', 'NotFound', 'Unsupported', 'TooLarge', 'ResourceLimit'],
    scope: 'agent',
    timeoutMs: 30_000,
  }),
  'conversation/indexProgressed': serverNotification({
    summary: 'Some of the journals that the index has to read have been read; all, where `done` equals `total`.',
    params: z.object({ done: z.int().min(0), total: z.int().min(0) }),
  }),
} as const;
