import { CodedError } from '../../../protocol/errors.ts';
import { maxRecordBytes } from '../recordCodec.ts';

/** Deeper than anything that an agent or a tool writes; far below where parsing runs out of stack. */
const maxNesting = 100;
/** Everything but the events. */
const maxFrameChars = 64 * 1024;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/** A part of the document: what stands before its events, or one of them, each as JSON text. */
export interface DocumentPart {
  readonly kind: 'head' | 'event';
  readonly json: string;
}

/**
 * Takes a JSON document in pieces and hands out the elements of its array `events` one by one, so that it is never held
 * as a whole, whatever its layout. Throws `InvalidParams` or `TooLarge`; what is no JSON is found out when the parts
 * are parsed.
 */
export class DocumentSplitter {
  private depth = 0;
  private isInString = false;
  private isEscaped = false;
  private isInEvents = false;
  private hasEvents = false;
  private frame = '';
  private element = '';
  private elementCount = 0;

  /** The parts that end in `text`. */
  *take(text: string): Generator<DocumentPart> {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (this.isInString) {
        if (this.isEscaped) this.isEscaped = false;
        else if (code === backslash) this.isEscaped = true;
        else if (code === quote) this.isInString = false;
        continue;
      }
      if (code === quote) this.isInString = true;
      else if (isOpening(code)) {
        this.open();
        const isStart = code === 0x5b && this.depth === 2 && !this.isInEvents;
        if (!isStart || !endsInKey(this.frame + text.slice(from, at))) continue;
        this.gather(text.slice(from, at + 1));
        from = at + 1;
        yield this.beginEvents();
      } else if (isClosing(code)) {
        this.depth -= 1;
        if (!this.isInEvents || this.depth !== 1) continue;
        this.gather(text.slice(from, at));
        from = at;
        if (this.element.trim() !== '' || this.elementCount > 0) yield this.endElement();
        this.isInEvents = false;
      } else if (code === comma && this.isInEvents && this.depth === 2) {
        this.gather(text.slice(from, at));
        from = at + 1;
        yield this.endElement();
      }
    }
    this.gather(text.slice(from));
  }

  /** The document with its events taken out, once all of it was taken. */
  end(): string {
    if (!this.hasEvents || this.depth !== 0 || this.isInString) throw notWhole();
    return this.frame;
  }

  private open(): void {
    this.depth += 1;
    if (this.depth > maxNesting) {
      throw new CodedError(
        'InvalidParams',
        `Nothing was imported: the file is nested deeper than ${maxNesting} levels.`,
      );
    }
  }

  private beginEvents(): DocumentPart {
    if (this.hasEvents) throw new CodedError('InvalidParams', 'Nothing was imported: the file has "events" twice.');
    this.hasEvents = true;
    this.isInEvents = true;
    const before = this.frame.slice(0, this.frame.lastIndexOf('"events"')).trimEnd();
    return { kind: 'head', json: `${before.endsWith(',') ? before.slice(0, -1) : before}}` };
  }

  private endElement(): DocumentPart {
    const json = this.element;
    this.element = '';
    this.elementCount += 1;
    return { kind: 'event', json };
  }

  private gather(text: string): void {
    if (this.isInEvents) this.element += text;
    else this.frame += text;
    if (this.frame.length > maxFrameChars) throw notWhole();
    if (this.element.length > maxRecordBytes) {
      throw new CodedError('TooLarge', `Nothing was imported: event ${this.elementCount + 1} is longer than 8 MiB.`);
    }
  }
}

function notWhole(): CodedError {
  return new CodedError(
    'InvalidParams',
    'Nothing was imported: the file is not a whole conversation exported as JSON. Give it as it was exported.',
  );
}

function endsInKey(frame: string): boolean {
  return /(?<!\\)"events"\s*:\s*$/.test(frame.slice(-200));
}

function isOpening(code: number): boolean {
  return code === 0x7b || code === 0x5b;
}

function isClosing(code: number): boolean {
  return code === 0x7d || code === 0x5d;
}
