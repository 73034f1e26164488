import { plainText } from './plainText.ts';

const maxLines = 50;
const maxLineChars = 2_000;
/** Output after a line was begun in which its echo is looked for. */
const maxSeenBytes = 4_096;

/**
 * Characters of a text that a person typed, ends of lines and keys left out; undefined where it is only what a terminal
 * itself answers or reports.
 */
export function countTyped(data: string): number | undefined {
  const text = withoutReplies(data);
  if (text === '') return undefined;
  return Array.from(text.replace(/[\r\n\b\x7f]/g, '')).length;
}

/** One line that a person typed. */
interface TypedLine {
  text: string;
  /** It answers a password prompt, so it is never told, whatever the output shows. */
  readonly isSecret: boolean;
  readonly seen: Buffer[];
  seenBytes: number;
}

/**
 * What a person typed into a command of an agent, for the agent to know. A line is told as it was only where the terminal
 * showed it too; what was typed blindly, such as a password, is only counted.
 */
export class TypedInput {
  private readonly lines: TypedLine[] = [];
  private isLineOpen = false;
  private forgottenLines = 0;
  private elsewhereCharacters = 0;

  /** Takes what a client sent. `asksForPassword` is whether the output ended in such a prompt. */
  typed(data: string, asksForPassword: boolean): void {
    const text = withoutReplies(data);
    if (text === '') return;
    for (const piece of text.split(/(\r\n|\r|\n)/)) {
      if (/^[\r\n]/.test(piece)) this.isLineOpen = false;
      else if (piece !== '') this.extend(piece, asksForPassword);
    }
  }

  /** Takes how much was typed by way of another server, which does not tell what it was. */
  typedElsewhere(characters: number): void {
    this.elsewhereCharacters += characters;
  }

  /** Takes what the program printed, or the terminal echoed. */
  printed(data: Uint8Array): void {
    for (const line of this.lines) {
      if (line.seenBytes >= maxSeenBytes) continue;
      const part = Buffer.from(data.subarray(0, maxSeenBytes - line.seenBytes));
      line.seen.push(part);
      line.seenBytes += part.length;
    }
  }

  /** A line for each line typed: its text in quotes, or how long it was. Empty where nobody typed. */
  describe(): string[] {
    const told = this.lines.map((line) => {
      const typed = applyErasures(line.text);
      const isShown = !line.isSecret && typed !== '' && plainText(Buffer.concat(line.seen).toString()).includes(typed);
      const count = Array.from(typed).length;
      return isShown ? JSON.stringify(typed) : `(${count} ${count === 1 ? 'character' : 'characters'}, not shown)`;
    });
    const count = this.elsewhereCharacters;
    if (count > 0) told.push(`(${count} ${count === 1 ? 'character' : 'characters'} in another window, not shown)`);
    return this.forgottenLines === 0 ? told : [`(${this.forgottenLines} lines before)`, ...told];
  }

  private extend(text: string, isSecret: boolean): void {
    const open = this.isLineOpen ? this.lines.at(-1) : undefined;
    if (open) {
      open.text = (open.text + text).slice(0, maxLineChars);
      return;
    }
    this.lines.push({ text: text.slice(0, maxLineChars), isSecret, seen: [], seenBytes: 0 });
    this.isLineOpen = true;
    if (this.lines.length <= maxLines) return;
    this.lines.shift();
    this.forgottenLines++;
  }
}

/* eslint-disable no-control-regex -- control characters are what these look for */

/** Keys that are no text, and what the terminal itself answers to a program's questions or reports of mouse and focus. */
const sequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)|O.|\[M...|.?)/gs;
const otherControls = /[\x00-\x07\x09\x0b\x0c\x0e-\x1a\x1c-\x1f]/g;

function withoutReplies(data: string): string {
  return data.replace(sequences, '').replace(otherControls, '');
}

/** Backspace takes back the character before it. */
function applyErasures(text: string): string {
  const kept: string[] = [];
  for (const character of text) {
    if (character === '\x7f' || character === '\b') kept.pop();
    else kept.push(character);
  }
  return kept.join('');
}
