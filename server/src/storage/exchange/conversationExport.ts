import * as path from 'node:path';
import type { FileSystem, OpenFile } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { Pace } from '../../base/pace.ts';
import type { TurnCompactor } from '../ports.ts';
import type { LongWork } from './continuations.ts';
import type { DocumentWriter } from './jsonDocument.ts';
import { readFacts, readTurns } from './journalTurns.ts';

/** A page is sent as one message, and whatever writes it takes some milliseconds a megabyte. */
const pageChars = 1_000_000;

export interface ExportSystem {
  readonly fileSystem: FileSystem;
  readonly compactTurn: TurnCompactor;
  readonly logger: Logger;
}

/**
 * A conversation on its way out, as it was when the export began. It is read from the file, of which it holds a turn at
 * most, whatever is kept of the conversation in memory, and never works more than a few milliseconds at a stretch.
 */
export class ConversationExport implements LongWork {
  private readonly fileName: string;
  private readonly system: ExportSystem;
  private readonly file: OpenFile;
  private readonly writer: DocumentWriter;
  private readonly pieces: AsyncGenerator<string, void>;
  private pace: Pace | undefined;
  private rest = '';
  private hasEnded = false;

  private constructor(file: OpenFile, fileName: string, system: ExportSystem, writer: DocumentWriter) {
    this.file = file;
    this.fileName = fileName;
    this.system = system;
    this.writer = writer;
    this.pieces = this.write();
  }

  /** Rejects with what the file system says. Whoever begins it closes it. */
  static async begin(journalPath: string, system: ExportSystem, writer: DocumentWriter): Promise<ConversationExport> {
    const file = await system.fileSystem.open(journalPath, 'read');
    return new ConversationExport(file, path.basename(journalPath), system, writer);
  }

  /** The next million characters, about. Rejects with the signal's reason, and as reading a journal does. */
  async page(signal: AbortSignal): Promise<{ content: string; isLast: boolean }> {
    this.pace = new Pace(signal);
    const parts = [this.rest];
    let chars = this.rest.length;
    while (!this.hasEnded && chars < pageChars) {
      const next = await this.pieces.next();
      if (next.done === true) this.hasEnded = true;
      else {
        parts.push(next.value);
        chars += next.value.length;
      }
      await this.breathe();
    }
    const text = parts.join('');
    const end = endOfPage(text);
    this.rest = text.slice(end);
    return { content: text.slice(0, end), isLast: this.hasEnded && this.rest === '' };
  }

  async close(): Promise<void> {
    try {
      await this.file.close();
    } catch (error) {
      this.system.logger.warn('The file of an export could not be closed', { fileName: this.fileName, error });
    }
  }

  private async *write(): AsyncGenerator<string, void> {
    const { file, fileName, writer } = this;
    const reading = { file, fileName, rest: () => this.breathe() };
    const facts = await readFacts(reading);
    yield writer.start(facts);
    const turns = readTurns({ ...reading, endBytes: facts.endBytes, compactTurn: this.system.compactTurn });
    for (;;) {
      const turn = await turns.next();
      if (turn.done === true) {
        yield writer.end(turn.value);
        return;
      }
      yield* writer.add(turn.value);
    }
  }

  private async breathe(): Promise<void> {
    await this.pace?.rest();
  }
}

/** Not between the halves of a character. */
function endOfPage(text: string): number {
  if (text.length <= pageChars) return text.length;
  return /[\uD800-\uDBFF]/.test(text.charAt(pageChars - 1)) ? pageChars - 1 : pageChars;
}
