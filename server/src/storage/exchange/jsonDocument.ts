import type { SessionEvent } from '../../../protocol/sessionEvents.ts';
import { visibleJson } from '../../base/visibleJson.ts';
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
    return `${visibleJson(head).slice(0, -1)},"events":[`;
  }

  *add(events: readonly SessionEvent[]): Iterable<string> {
    for (const { at, update } of events) {
      yield `${this.isFirst ? '' : ','}\n${visibleJson({ at, update })}`;
      this.isFirst = false;
    }
  }

  end(leftOut: number): string {
    return `\n],"leftOut":${leftOut}}\n`;
  }
}
