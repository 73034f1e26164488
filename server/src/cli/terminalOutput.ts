import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { errorCode } from '../base/fileSystem.ts';
import { visibleJson } from '../base/visibleJson.ts';
import { makeVisible } from '../security/visibleText.ts';

type Stream = Writable & { readonly isTTY?: boolean };

/**
 * Sequences that a terminal obeys: control sequences, titles and links, and what follows ESC alone. None reaches into the next
 * one, so that a text is read once however many are begun in it.
 */
const sequence =
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-Z\\^-~]/g;

/** Controls but line breaks and tabs, marks that reorder a line, and tags, which carry text that nobody sees. */
const unsafe = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u{E0000}-\u{E007F}]/gu;

/**
 * Everything that the command line says: results on stdout, the rest on stderr. Whatever a model, a file, a terminal or
 * the network has put into a text, it moves no cursor, sets no title, reorders no line and hides nothing. A lint rule
 * sees to it that nothing is printed past this.
 */
export class TerminalOutput {
  private readonly streams: { readonly stdout: Stream; readonly stderr: Stream };

  /** `streams` are asked for when something is said, since Node makes those of a process at their first use. */
  constructor(streams: { readonly stdout: Stream; readonly stderr: Stream }) {
    this.streams = streams;
  }

  /** Says a result, with what is invisible in it written out. The text brings its own line breaks. */
  print(text: string): void {
    this.streams.stdout.write(makeVisible(text));
  }

  /** As `print`, to the person who watches and not to the program that reads. */
  tell(text: string): void {
    this.streams.stderr.write(makeVisible(text));
  }

  /** Says a result for a program: one line of JSON, which means the same and holds nothing that a terminal would obey. */
  printJson(value: object): void {
    this.streams.stdout.write(`${visibleJson(value)}\n`);
  }

  /** Prints a model's words as they come; what a terminal would obey is left out, since an emoji may have joiners. */
  printAnswer(text: string): void {
    this.streams.stdout.write(withoutControls(text));
  }

  /** What happens during a turn, on one line that no text of a model can end, without what a terminal would obey. */
  tellStep(text: string): void {
    this.streams.stderr.write(`${withoutControls(text).replaceAll('\n', ' ')}\n`);
  }

  /** Prints a part of an exported document, whose writer has made it safe; resolves once there is room for the next. */
  async printDocument(page: string): Promise<void> {
    const { stdout } = this.streams;
    if (!stdout.write(page)) await once(stdout, 'drain');
  }

  /** A line that stands until the next one takes its place; the empty one clears it. On a terminal only: else it is noise. */
  showProgress(line: string): void {
    const { stderr } = this.streams;
    if (stderr.isTTY) stderr.write(`\r${makeVisible(line)}\x1b[K`);
  }

  /**
   * Whoever reads the output may have had enough of it, as `head` has after ten lines. What was asked for is done to its
   * end all the same, and what nobody reads is dropped.
   */
  outliveReaders(): void {
    for (const stream of [this.streams.stdout, this.streams.stderr]) {
      stream.on('error', (error: unknown) => {
        if (!['EPIPE', 'ERR_STREAM_DESTROYED'].includes(errorCode(error) ?? '')) throw error;
      });
    }
  }
}

/** The output of this process. */
export const terminalOutput = new TerminalOutput(process);

function withoutControls(text: string): string {
  return text.replace(sequence, '').replace(unsafe, '');
}
