import { z } from 'zod';
import { conversationDetails } from './conversation.ts';
import { notification, request, serverNotification } from './declaration.ts';
import { contentBlock, conversationId, sessionEvent, stopReason, tokenUsage } from './sessionEvents.ts';

const named = { sessionId: conversationId };
/** A turn may wait for a person, so its own budgets end it; this is the last resort. */
const turnTimeoutMs = 24 * 60 * 60 * 1000;

/** One choice of a conversation, such as its model (ACP `SessionConfigOption`, the select kind). */
export const configOption = z.looseObject({
  id: z.string(),
  name: z.string(),
  currentValue: z.string(),
  options: z.array(z.looseObject({ value: z.string(), name: z.string() })),
});
export type ConfigOption = z.output<typeof configOption>;

/** `write`: this server holds the conversation's lock. `read`: another one does; see, do not touch. */
export const conversationAccess = z.enum(['write', 'read']);

/**
 * How the last turn ended, where that could not be written yet, since the disk was full say: no event says so until then.
 * `error` tells why the turn ended early, or why its end cannot be saved.
 */
const unsavedEnd = z.looseObject({
  turnId: z.string(),
  stopReason,
  error: z.looseObject({ reason: z.string(), message: z.string() }),
});
export type UnsavedEnd = z.output<typeof unsavedEnd>;

export const conversationSummary = z.looseObject({
  ...named,
  title: z.string(),
  cwd: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  updatedAt: z.number(),
  access: conversationAccess,
  /** A turn is under way, in this server or in the one that holds the conversation. */
  running: z.boolean(),
  /** When it was imported, in milliseconds since 1970; left out for one that began here. */
  importedAt: z.number().optional(),
  /** Why it cannot be opened, and what to do; all that can be done with it here is to delete it. Left out: it can be. */
  unopenable: z.string().optional(),
  unsavedEnd: unsavedEnd.optional(),
  /** What the index of conversations knows beyond that; left out while it is not loaded. */
  details: z.looseObject(conversationDetails).optional(),
});
export type ConversationSummary = z.output<typeof conversationSummary>;

const turnResult = z.looseObject({ stopReason, usage: tokenUsage.optional() });

export const session = {
  'session/new': request({
    summary: 'Starts a conversation about the folder `cwd`.',
    params: z.looseObject({
      cwd: z.string().min(1).max(4096),
      /** None can be used yet; the list must be empty. */
      mcpServers: z.array(z.never()).max(0).default([]),
    }),
    result: z.looseObject({ ...named, configOptions: z.array(configOption) }),
    errors: ['InvalidCwd', 'ResourceLimit'],
    scope: 'agent',
  }),
  'session/list': request({
    summary: 'Lists the conversations of the open workspace, or of all where none is open, the latest first.',
    params: z.looseObject({
      cwd: z.string().max(4096).optional(),
      /** Most conversations to answer. */
      limit: z.int().min(1).max(10_000).default(1_000),
    }),
    result: z.looseObject({ sessions: z.array(conversationSummary) }),
    scope: 'read',
  }),
  'session/attach': request({
    summary:
      'Starts `session/update` notifications for this client and gives what it has missed: the events after ' +
      '`fromSequence`, or, where that is left out or too old, a snapshot (few events that fold to the same view).',
    params: z.strictObject({ ...named, fromSequence: z.int().min(0).optional() }),
    result: z.object({
      ...named,
      title: z.string(),
      cwd: z.string(),
      access: conversationAccess,
      /** Why it can only be read, where that is for another reason than another server's lock: a disk, say. */
      readOnlyReason: z.string().optional(),
      running: z.boolean(),
      unsavedEnd: unsavedEnd.optional(),
      /** So many places of it are damaged and left out; `mark` is equal for the same damage. Left out: none is. */
      unreadable: z.looseObject({ places: z.int().min(1), mark: z.string() }).optional(),
      /** True: forget what you have and fold `events` from nothing. False: go on. */
      isSnapshot: z.boolean(),
      /** Older turns exist that this snapshot leaves out. */
      hasEarlier: z.boolean(),
      /** Of a snapshot: nothing from this number on was left out. `session/events` gives what is before it. */
      earliestSequence: z.int().min(1).optional(),
      /** Sequence number of the newest event contained. */
      sequence: z.int().min(0),
      events: z.array(sessionEvent),
      configOptions: z.array(configOption),
    }),
    errors: ['NotFound', 'ResourceLimit'],
    scope: 'read',
    timeoutMs: 30_000,
  }),
  'session/events': request({
    summary:
      'What stands before an event in a conversation, however long that is ago: whole turns, or the end of one that is ' +
      'too long, with the chunks of a message joined. Asked again with `earliestSequence`, it goes on further back.',
    params: z.strictObject({
      ...named,
      /** Only events with smaller numbers are answered. */
      beforeSequence: z.int().min(1),
      /** Most events to answer; 1 MiB of them in any case, unless a single one is larger. */
      limit: z.int().min(1).max(2_000).default(500),
    }),
    result: z.object({
      /** In order. They go in front of what is known; what they say of title, options and usage has been replaced since. */
      events: z.array(sessionEvent),
      /** Everything from this number on, up to the one asked with, is contained. */
      earliestSequence: z.int().min(1),
      /** There is more before it. */
      hasMore: z.boolean(),
    }),
    errors: ['NotFound', 'Unavailable'],
    scope: 'read',
    timeoutMs: 30_000,
  }),
  'session/detach': request({
    summary: 'Ends the notifications of a conversation for this client. A running turn goes on.',
    params: z.strictObject(named),
    result: z.object({}),
    scope: 'read',
  }),
  'session/commands': request({
    summary:
      'The last commands of a conversation that have ended, the oldest first, with the output that the agent was given.',
    params: z.strictObject({ ...named, limit: z.int().min(1).max(100).default(20) }),
    result: z.object({
      commands: z.array(
        z.object({
          commandLine: z.string(),
          output: z.string(),
          /** Null where a signal ended it, or its end was not seen. */
          exitCode: z.int().nullable(),
          signal: z.int().optional(),
        }),
      ),
    }),
    errors: ['NotFound'],
    scope: 'read',
    timeoutMs: 30_000,
  }),
  'session/prompt': request({
    summary: 'Runs one turn of the agent; answered when the turn has ended.',
    params: z.looseObject({ ...named, prompt: z.array(contentBlock).min(1).max(256) }),
    result: turnResult,
    errors: ['NotFound', 'Conflict', 'ResourceLimit', 'PolicyDenied'],
    scope: 'agent',
    timeoutMs: turnTimeoutMs,
  }),
  'session/continue': request({
    summary: 'Goes on with a turn that was interrupted, cancelled, or stopped by its budget or a failing model.',
    params: z.strictObject(named),
    result: turnResult,
    errors: ['NotFound', 'Conflict', 'ResourceLimit', 'PolicyDenied'],
    scope: 'agent',
    timeoutMs: turnTimeoutMs,
  }),
  'session/cancel': notification({
    summary: 'Ends the running turn: the model call is aborted and running commands are stopped.',
    params: z.looseObject(named),
    scope: 'agent',
  }),
  'session/answer_permission': request({
    summary: 'Answers a question that a `permission_requested` event asked. The first answer counts.',
    params: z.strictObject({ ...named, requestId: z.string().max(64), optionId: z.string().max(64) }),
    result: z.object({}),
    errors: ['NotFound', 'Conflict'],
    scope: 'agent',
  }),
  'session/set_config_option': request({
    summary: 'Sets an option of a conversation. `configId` is `model`, `value` a model as `provider/model`.',
    params: z.looseObject({ ...named, configId: z.string().max(64), value: z.string().max(256) }),
    result: z.looseObject({ configOptions: z.array(configOption) }),
    errors: ['NotFound', 'Conflict'],
    scope: 'agent',
  }),
  'session/delete': request({
    summary: 'Deletes a conversation and its journal. This cannot be undone.',
    params: z.looseObject(named),
    result: z.object({}),
    errors: ['NotFound', 'Conflict'],
    scope: 'agent',
  }),
  'session/update': serverNotification({
    summary: 'One more event of an attached conversation. It is on disk before it is sent.',
    params: z.looseObject({ ...named, ...sessionEvent.shape }),
  }),
  'session/changed': serverNotification({
    summary: 'A conversation was started, renamed, began or ended a turn (`session`), or was deleted (null).',
    params: z.object({ ...named, session: conversationSummary.nullable() }),
  }),
} as const;
