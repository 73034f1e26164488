import type { SessionEvent } from '../../../protocol/sessionEvents.ts';
import type { OpenFile } from '../../base/fileSystem.ts';
import type { JournalHeader } from '../conversationJournal.ts';
import { unreadableHeader } from '../errors.ts';
import { eventStart, JournalFold } from '../journalFormat.ts';
import { titled } from '../journalSummary.ts';
import type { TurnCompactor } from '../ports.ts';
import { limitedTo, scanRecords, type DamagedRange } from '../recordCodec.ts';
import { portable } from './exportFormat.ts';

/** How much is taken at a stretch, in characters of JSON: a millisecond's work. */
const sliceChars = 32 * 1024;
const readBytes = 64 * 1024;
/** A longer turn is handed out in pieces. */
const maxTurnEvents = 4_000;
const maxTurnChars = 8 * 1024 * 1024;
/** Events that say what the whole conversation is called and made with; the others are not even parsed for that. */
const tellingKinds: ReadonlySet<string> = new Set(['session_info_update', 'config_option_update', 'turn_started']);

/** What a document says of a conversation before its events. */
export interface ConversationFacts {
  readonly header: JournalHeader;
  /** The title given last, else the beginning of the first message; may be empty. */
  readonly title: string;
  readonly persona: string | undefined;
  readonly model: string | undefined;
  /** Milliseconds since 1970, of the last event. */
  readonly updatedAt: number;
  /** Where the last whole record ends. */
  readonly endBytes: number;
}

interface ReadingOptions {
  readonly file: Pick<OpenFile, 'read'>;
  readonly fileName: string;
  /** Called after each slice of work. */
  readonly rest: () => Promise<void>;
}

/** Goes through a journal once for what has to be known first. Throws as `JournalFold` does. */
export async function readFacts(options: ReadingOptions): Promise<ConversationFacts> {
  const fold = new JournalFold(options.fileName);
  let given: string | undefined;
  let [firstText, endBytes, updatedAt] = ['', 0, 0];
  const chosen: { persona?: string; model?: string } = {};
  for await (const { jsons, end, damaged } of slicesOf(options, Infinity)) {
    // Damage before the header means that the true first record is lost, whatever the next one looks like.
    if (damaged[0]?.offset === 0) throw unreadableHeader(options.fileName);
    for (const json of jsons) {
      const [, , at, kind = ''] = eventStart.exec(json) ?? [];
      if (at !== undefined) updatedAt = Number(at);
      const isWanted = kind === '' || tellingKinds.has(kind) || (firstText === '' && kind === 'user_message_chunk');
      if (isWanted) fold.take(json);
    }
    for (const event of fold.events.splice(0)) {
      const { update } = event;
      const { title, titledAt } = titled([event]);
      if (titledAt !== undefined) given = title;
      else if (firstText === '') firstText = title;
      if (update.sessionUpdate === 'turn_started') chosen.model = update.model;
      else if (update.sessionUpdate === 'config_option_update') {
        if (update.configId === 'model' || update.configId === 'persona') chosen[update.configId] = update.value;
      }
    }
    endBytes = end;
  }
  const { header } = fold;
  return {
    header,
    title: given ?? firstText,
    persona: chosen.persona,
    model: chosen.model,
    updatedAt: Math.max(updatedAt, header.createdAt),
    endBytes,
  };
}

/**
 * The events of a journal by turns, whole messages instead of what was streamed, without what holds on this machine only.
 * Answers in the end how many places were passed over because they are damaged, or of a kind that this version does not
 * know. Holds one turn in memory, and a piece of one where it is longer than 8 MiB.
 */
export async function* readTurns(
  options: ReadingOptions & { readonly endBytes: number; readonly compactTurn: TurnCompactor },
): AsyncGenerator<readonly SessionEvent[], number> {
  const fold = new JournalFold(options.fileName);
  let leftOut = 0;
  let turn: SessionEvent[] = [];
  let chars = 0;
  for await (const { jsons, damaged } of slicesOf(options, options.endBytes)) {
    leftOut += damaged.length;
    for (const json of jsons) {
      fold.take(json);
      chars += json.length;
    }
    for (const { sequence, at, update } of fold.events.splice(0)) {
      if (update.sessionUpdate === 'turn_started' && turn.length > 0) {
        yield options.compactTurn(turn);
        turn = [];
        chars = 0;
      }
      const kept = portable(update);
      if (kept !== undefined) turn.push({ sequence, at, update: kept });
    }
    turn = [...options.compactTurn(turn)];
    if (turn.length > maxTurnEvents || chars > maxTurnChars) {
      // The last message may still grow.
      yield turn.slice(0, -1);
      turn = turn.slice(-1);
      chars = 0;
    }
  }
  yield turn;
  return leftOut + fold.passedOver;
}

interface Slice {
  /** Texts of records in order. */
  readonly jsons: readonly string[];
  /** Where the last of them ends, in bytes. */
  readonly end: number;
  /** Damaged places before that. */
  readonly damaged: readonly DamagedRange[];
}

async function* slicesOf({ file, rest }: ReadingOptions, endBytes: number): AsyncGenerator<Slice> {
  for (let position = 0; ;) {
    const jsons: string[] = [];
    let chars = 0;
    const take = (json: string): boolean => {
      jsons.push(json);
      chars += json.length;
      return chars < sliceChars;
    };
    const scan = await scanRecords(limitedTo(file, endBytes), position, take, { expectedBytes: readBytes });
    if (jsons.length === 0) return;
    position = scan.goodEnd;
    yield { jsons, end: position, damaged: scan.damaged };
    await rest();
  }
}
