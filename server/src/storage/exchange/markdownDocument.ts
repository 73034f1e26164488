import type { ContentBlock, SessionEvent, SessionUpdate } from '../../../protocol/sessionEvents.ts';
import type { DocumentWriter } from './jsonDocument.ts';
import type { ConversationFacts } from './journalTurns.ts';
import { inlineCode, inlineText, quoted } from './safeMarkdown.ts';
import { answerText, messageTexts, timeText, toolCallText, turnEndText } from './toolCallMarkdown.ts';

/** Calls and questions that are remembered for what comes of them later. */
const maxRemembered = 10_000;

type Call = Extract<SessionUpdate, { sessionUpdate: 'tool_call' }>;
type CallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>;
type Question = Extract<SessionUpdate, { sessionUpdate: 'permission_requested' }>;

/** A call among the events at hand, or one of an earlier turn of which only updates are. */
interface FoundCall {
  call?: Call;
  readonly updates: CallUpdate[];
}
type FoundCalls = ReadonlyMap<string, FoundCall>;

/** Writes a conversation for people to read. What others wrote stays in its place, whatever it holds. */
export class MarkdownDocument implements DocumentWriter {
  private speaker: 'You' | 'Agent' | undefined;
  private model: string | undefined;
  private persona: string | undefined;
  private readonly titles = new Map<string, string>();
  private readonly questions = new Map<string, Question>();

  start({ header, title, persona, model, updatedAt }: ConversationFacts): string {
    const { cwd, createdAt, conversationId, imported } = header;
    const lines = [
      `Begun ${timeText(createdAt)}, last changed ${timeText(updatedAt)}`,
      `Folder ${inlineCode(cwd)}`,
      ...(model === undefined ? [] : [`Model ${inlineCode(model)}`]),
      ...(persona === undefined ? [] : [`Persona ${inlineCode(persona)}`]),
      `Conversation ${inlineCode(conversationId)}`,
      ...(imported ? [`Imported ${timeText(imported.at)} from ${inlineCode(imported.conversationId)}`] : []),
    ];
    return `# ${inlineText(title) || 'Untitled conversation'}\n\n${lines.map((line) => `- ${line}\n`).join('')}`;
  }

  *add(events: readonly SessionEvent[]): Iterable<string> {
    const calls = findCalls(events);
    for (const { update, at } of events) {
      switch (update.sessionUpdate) {
        case 'user_message_chunk':
          yield* this.said('You', at, messageTexts(update.content));
          break;
        case 'agent_message_chunk':
          yield* this.said('Agent', at, messageTexts(update.content));
          break;
        case 'agent_thought_chunk':
          yield* this.said('Agent', at, thoughtTexts(update.content));
          break;
        case 'tool_call':
          remember(this.titles, update.toolCallId, update.title);
          yield* this.said('Agent', at, [`${callText(update, calls.get(update.toolCallId))}\n`]);
          break;
        case 'tool_call_update':
          yield* this.said('Agent', at, this.lateTexts(update, calls.get(update.toolCallId)));
          break;
        default:
          yield* this.note(update);
      }
    }
  }

  end(leftOut: number): string {
    return leftOut === 0 ? '' : `\n---\n\n*Places that could not be read and are left out: ${leftOut}.*\n`;
  }

  /** What is no part of what was said. */
  private *note(update: SessionUpdate): Iterable<string> {
    switch (update.sessionUpdate) {
      case 'permission_requested':
        remember(this.questions, update.requestId, update);
        break;
      case 'permission_answered':
        yield `\n${answerText(this.questions.get(update.requestId), update.optionId)}\n`;
        break;
      case 'turn_started':
        this.speaker = undefined;
        this.model = update.model;
        break;
      case 'turn_ended':
        if (update.stopReason !== 'end_turn') yield `\n${turnEndText(update)}\n`;
        break;
      case 'config_option_update':
        if (update.configId === 'persona') this.persona = update.value;
        break;
      default:
        break;
    }
  }

  /** `texts` are lines with their breaks; where there are none, nothing was said. */
  private *said(speaker: 'You' | 'Agent', at: number, texts: Iterable<string>): Iterable<string> {
    let isFirst = true;
    for (const text of texts) {
      if (text !== '' && isFirst) yield `\n${this.speaker === speaker ? '' : this.heading(speaker, at)}`;
      isFirst &&= text === '';
      yield text;
    }
  }

  private heading(speaker: 'You' | 'Agent', at: number): string {
    this.speaker = speaker;
    const names = speaker === 'You' ? [] : [this.persona, this.model].filter((name) => name !== undefined);
    return `## ${speaker}\n\n*${timeText(at)}*${names.map((name) => ` · ${inlineCode(name)}`).join('')}\n\n`;
  }

  /** What came of a call of an earlier turn, such as a command in the background. */
  private lateTexts(update: CallUpdate, found: FoundCall | undefined): Iterable<string> {
    if (found === undefined || found.call !== undefined || found.updates.at(-1) !== update) return [];
    const title = this.titles.get(update.toolCallId) ?? 'a tool';
    return [`${toolCallText({ title, updates: found.updates })}\n`];
  }
}

function* thoughtTexts(block: ContentBlock): Iterable<string> {
  yield '> *Thought*\n>\n';
  for (const lines of messageTexts(block)) yield lines === '' ? '' : quoted(lines);
}

function findCalls(events: readonly SessionEvent[]): FoundCalls {
  const calls = new Map<string, FoundCall>();
  for (const { update } of events) {
    if (update.sessionUpdate !== 'tool_call' && update.sessionUpdate !== 'tool_call_update') continue;
    const found = calls.get(update.toolCallId) ?? { updates: [] };
    calls.set(update.toolCallId, found);
    if (update.sessionUpdate === 'tool_call') found.call ??= update;
    else found.updates.push(update);
  }
  return calls;
}

/** The call itself may hold what became part of it. */
function callText(call: Call, found: FoundCall | undefined): string {
  const { title, rawInput } = call;
  return toolCallText({ title, rawInput, updates: [call, ...(found?.updates ?? [])] });
}

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  known.set(key, value);
  const oldest = known.keys().next();
  if (known.size > maxRemembered && oldest.done !== true) known.delete(oldest.value);
}
