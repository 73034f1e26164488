import type { SessionEvent } from '../../../protocol/sessionEvents.ts';
import { exportFormat, exportVersion, type ExportHead } from './exportFormat.ts';
import type { ConversationFacts } from './journalTurns.ts';

/** Turns a conversation into text, piece by piece. */
export interface DocumentWriter {
  start(facts: ConversationFacts): string;
  /** The texts of a turn's events, or of a part of a turn. */
  add(events: readonly SessionEvent[]): Iterable<string>;
  /** `leftOut` places of the journal could not be read. */
  end(leftOut: number): string;
}

/** Characters that JSON allows as they are and that could change what a terminal or an editor shows. */
const unseen = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Writes the format of `exportFormat.ts`, one event a line. */
export class JsonDocument implements DocumentWriter {
  private isFirst = true;

  start({ header, title }: ConversationFacts): string {
    const { conversationId, cwd, createdAt, imported } = header;
    const head: ExportHead = {
      format: exportFormat,
      version: exportVersion,
      conversationId,
      title: title.slice(0, 1_000),
      cwd,
      createdAt,
      ...(imported && { imported }),
    };
    return `${toJson(head).slice(0, -1)},"events":[`;
  }

  *add(events: readonly SessionEvent[]): Iterable<string> {
    for (const { at, update } of events) {
      yield `${this.isFirst ? '' : ','}\n${toJson({ at, update })}`;
      this.isFirst = false;
    }
  }

  end(leftOut: number): string {
    return `\n],"leftOut":${leftOut}}\n`;
  }
}

function toJson(value: object): string {
  return JSON.stringify(value).replace(unseen, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
