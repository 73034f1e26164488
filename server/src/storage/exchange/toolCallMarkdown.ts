import type { ContentBlock, SessionUpdate } from '../../../protocol/sessionEvents.ts';
import { embedMarkdown, fenced, inlineCode, inlineText } from './safeMarkdown.ts';

/** Shown of the output, or of one piece of the input, of a call; the middle is left out. A JSON export has all of it. */
const maxShownChars = 10_000;
const imageName = /\.(?:png|jpe?g|gif|webp|svg|bmp|ico|avif)$/i;

type CallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>;
type Question = Extract<SessionUpdate, { sessionUpdate: 'permission_requested' }>;
type TurnEnd = Extract<SessionUpdate, { sessionUpdate: 'turn_ended' }>;

/** A call with what came of it. */
export interface ToldCall {
  readonly title: string;
  readonly rawInput?: unknown;
  /** Its updates in order; the last of each of their values counts. */
  readonly updates: readonly Pick<CallUpdate, 'title' | 'status' | 'content' | 'rawOutput'>[];
}

/** What was done, with its command, change or other input, how it ended, and its output. */
export function toolCallText({ title, rawInput, updates }: ToldCall): string {
  const last = <K extends keyof ToldCall['updates'][number]>(key: K) =>
    updates.findLast((update) => update[key] !== undefined)?.[key];
  const status = last('status') ?? 'pending';
  const how = [...(status === 'completed' ? [] : [statusTexts[status]]), ...outcomeTexts(last('rawOutput'))];
  const output = (last('content') ?? []).flatMap((part) => (part.type === 'content' ? [outputOf(part.content)] : []));
  return [
    `**Tool** ${inlineCode(last('title') ?? title)}${how.length === 0 ? '' : ` · ${how.join(' · ')}`}`,
    ...inputTexts(rawInput),
    ...output.filter((text) => text !== ''),
  ].join('\n\n');
}

/** What was said or added, some lines at a time; an image is only named. */
export function messageTexts(block: ContentBlock): Iterable<string> {
  return block.type === 'text' ? embedMarkdown(block.text) : [`${attachmentText(block)}\n`];
}

/** What a person answered when the agent asked for permission; `optionId` is null where nobody did. */
export function answerText(question: Question | undefined, optionId: string | null): string {
  const asked = question === undefined ? '' : ` to run ${inlineCode(question.detail)}`;
  if (optionId === null) return `*Asked for permission${asked}: no answer*`;
  const chosen = question?.options.find((option) => option.optionId === optionId)?.name ?? optionId;
  return `*Asked for permission${asked}: ${inlineText(chosen)}*`;
}

/** How a turn ended before it was done. */
export function turnEndText({ stopReason, error }: TurnEnd): string {
  const why = error === undefined ? '' : `: ${inlineText(error.message)}`;
  return `*The turn ended early (${stopReason.replaceAll('_', ' ')})${why}*`;
}

/** `2026-01-05 09:30 UTC`. `at` is milliseconds since 1970. */
export function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const statusTexts = {
  pending: 'did not run',
  in_progress: 'did not end',
  completed: 'completed',
  failed: 'failed',
} as const;

function outcomeTexts(rawOutput: unknown): string[] {
  const { exitCode, signal, durationMs } = fieldsOf(rawOutput);
  return [
    ...(typeof exitCode === 'number' ? [`exit code ${exitCode}`] : []),
    ...(typeof signal === 'number' || typeof signal === 'string' ? [`signal ${inlineText(String(signal))}`] : []),
    ...(typeof durationMs === 'number' ? [`${(durationMs / 1_000).toFixed(1)} s`] : []),
  ];
}

/** The input by its shape: a command, changes of a file, a whole file, or anything else as JSON. */
function inputTexts(rawInput: unknown): string[] {
  if (rawInput === undefined || rawInput === null) return [];
  const { command, cwd, path, edits, content } = fieldsOf(rawInput);
  if (typeof command === 'string') {
    return [fenced(bounded(command), 'sh'), ...(typeof cwd === 'string' ? [`In ${inlineCode(cwd)}`] : [])];
  }
  const file = typeof path === 'string' ? [`File ${inlineCode(path)}`] : [];
  if (Array.isArray(edits)) return [...file, fenced(bounded(edits.map(diffOf).join('\n')), 'diff')];
  if (typeof content === 'string') return [...file, fenced(bounded(content))];
  const json = JSON.stringify(rawInput, null, 2);
  return json === '{}' ? [] : [fenced(bounded(json), 'json')];
}

function diffOf(edit: unknown): string {
  const { oldText, newText } = fieldsOf(edit);
  const lines = (text: unknown, mark: string): string[] =>
    typeof text === 'string' && text !== '' ? text.split('\n').map((line) => mark + line) : [];
  return ['@@', ...lines(oldText, '-'), ...lines(newText, '+')].join('\n');
}

function outputOf(block: ContentBlock): string {
  if (block.type !== 'text') return attachmentText(block);
  return block.text === '' ? '' : fenced(bounded(block.text));
}

function attachmentText(block: Exclude<ContentBlock, { type: 'text' }>): string {
  if (block.type === 'resource')
    return `File ${inlineCode(block.resource.uri)}\n\n${fenced(bounded(block.resource.text))}`;
  const { name, uri, mimeType } = block;
  const isImage = typeof mimeType === 'string' ? mimeType.startsWith('image/') : imageName.test(uri);
  return `*${isImage ? 'Image (not part of this document)' : 'Linked'}: ${inlineText(name)}* ${inlineCode(uri)}`;
}

function bounded(text: string): string {
  if (text.length <= maxShownChars) return text;
  const half = maxShownChars / 2;
  const left = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, '');
  const right = text.slice(-half).replace(/^[\uDC00-\uDFFF]/, '');
  return `${left}\n… ${text.length - left.length - right.length} characters are left out here …\n${right}`;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
