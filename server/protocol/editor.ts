import { z } from 'zod';
import { clientRequest, notification } from './declaration.ts';

/** Lines and characters count from 0; characters are UTF-16 code units, as in LSP. */
const position = z.object({ line: z.int().min(0), character: z.int().min(0) });
const range = z.object({ start: position, end: position });
const file = { path: z.string().min(1).max(4096) };
const fileLocation = z.object({ ...file, range });

const symbolInfo = z.object({
  name: z.string(),
  kind: z.string(),
  container: z.string().optional(),
  ...fileLocation.shape,
});
const secretName = z.string().regex(/^[\w.-]{1,128}$/);

const messageContent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('toolCall'), callId: z.string(), name: z.string(), input: z.unknown() }),
  z.object({ type: z.literal('toolResult'), callId: z.string(), text: z.string() }),
]);

/** What the server asks of an attached editor: its buffers, its language features, its models and its secrets. */
export const editor = {
  'editor/readBuffer': clientRequest({
    summary: 'Asks for the text of a file as the editor has it, unsaved changes included; null if it is not open.',
    params: z.strictObject(file),
    result: z.object({ text: z.string().nullable(), isDirty: z.boolean() }),
  }),
  'editor/applyEdit': clientRequest({
    summary: 'Asks the editor to replace ranges of files so that undo works. All edits apply, or none.',
    params: z.strictObject({
      label: z.string().max(200),
      edits: z
        .array(z.strictObject({ ...file, range, newText: z.string() }))
        .min(1)
        .max(10_000),
      save: z.boolean().default(true),
    }),
    result: z.object({ applied: z.boolean() }),
    timeoutMs: 30_000,
  }),
  'editor/diagnostics': clientRequest({
    summary: "Asks for the problems that the editor's language features report.",
    params: z.strictObject({ path: file.path.optional() }),
    result: z.object({
      diagnostics: z.array(
        z.object({
          ...fileLocation.shape,
          severity: z.enum(['error', 'warning', 'information', 'hint']),
          message: z.string(),
          source: z.string().optional(),
        }),
      ),
    }),
  }),
  'editor/definition': clientRequest({
    summary: 'Asks where the symbol at a position is defined.',
    params: z.strictObject({ ...file, position }),
    result: z.object({ locations: z.array(fileLocation) }),
  }),
  'editor/references': clientRequest({
    summary: 'Asks where the symbol at a position is used.',
    params: z.strictObject({ ...file, position }),
    result: z.object({ locations: z.array(fileLocation) }),
    timeoutMs: 30_000,
  }),
  'editor/symbols': clientRequest({
    summary: 'Asks for the symbols of a file, or those of the workspace that match `query`.',
    params: z.strictObject({ path: file.path.optional(), query: z.string().max(256).optional() }),
    result: z.object({ symbols: z.array(symbolInfo) }),
  }),
  'editor/open': clientRequest({
    summary: 'Asks the editor to show a file, with `range` selected.',
    params: z.strictObject({ ...file, range: range.optional() }),
    result: z.object({}),
    errors: ['NotFound'],
  }),
  'languageModel/list': clientRequest({
    summary: "Asks which language models the editor lends (VS Code's `vscode.lm`).",
    params: z.strictObject({}),
    result: z.object({
      models: z.array(z.object({ id: z.string(), name: z.string(), vendor: z.string(), maxInputTokens: z.int() })),
    }),
  }),
  'languageModel/request': clientRequest({
    summary: 'Starts a request to a lent model. Its chunks and its end come as notifications with `requestId`.',
    params: z.strictObject({
      requestId: z.string().max(64),
      model: z.string().max(256),
      messages: z.array(z.object({ role: z.enum(['user', 'assistant']), content: z.array(messageContent) })),
      tools: z.array(z.object({ name: z.string(), description: z.string(), inputSchema: z.unknown() })),
    }),
    result: z.object({}),
    errors: ['NotFound', 'PolicyDenied'],
    timeoutMs: 60_000,
  }),
  'languageModel/cancel': clientRequest({
    summary: 'Ends a request to a lent model.',
    params: z.strictObject({ requestId: z.string().max(64) }),
    result: z.object({}),
  }),
  'languageModel/chunk': notification({
    summary: 'A piece of the answer of a lent model.',
    params: z.strictObject({ requestId: z.string().max(64), content: messageContent }),
    scope: 'agent',
  }),
  'languageModel/ended': notification({
    summary: 'A request to a lent model has ended; `error` says why if it failed.',
    params: z.strictObject({ requestId: z.string().max(64), error: z.string().optional() }),
    scope: 'agent',
  }),
  'secret/get': clientRequest({
    summary: "Asks for a secret out of the editor's secret storage; null if it is not set. Kept in memory only.",
    params: z.strictObject({ name: secretName }),
    result: z.object({ value: z.string().nullable() }),
  }),
  'secret/set': clientRequest({
    summary: "Asks to keep a secret in the editor's secret storage.",
    params: z.strictObject({ name: secretName, value: z.string().max(65_536) }),
    result: z.object({}),
  }),
  'secret/delete': clientRequest({
    summary: "Asks to delete a secret from the editor's secret storage.",
    params: z.strictObject({ name: secretName }),
    result: z.object({}),
  }),
} as const;
