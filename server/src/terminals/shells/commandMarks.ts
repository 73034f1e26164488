import type { TerminalCommand } from '../../../protocol/terminal.ts';
import type { PtyMark } from '../../ptyProtocol/messages.ts';

/** Commands kept of one terminal, and characters of their command lines and folders. The oldest go. */
const maxCommands = 200;
const maxChars = 131_072;

/** A command that has ended. */
export type EndedCommand = TerminalCommand & {
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly output: { readonly fromOffset: number; readonly toOffset: number };
};

/** What a shell has told of itself by its marks. Marks are those of OSC 633, as VS Code's own shell integration has. */
export class CommandMarks {
  /** Where the shell is; undefined before it has said so. */
  folder: string | undefined;
  private readonly kept: TerminalCommand[] = [];
  private chars = 0;
  private commandLine = '';
  private running: TerminalCommand | undefined;

  /** The oldest first; the last may still run. */
  get commands(): readonly TerminalCommand[] {
    return this.kept;
  }

  get last(): TerminalCommand | undefined {
    return this.kept.at(-1);
  }

  /** Takes the next mark; gives the command that it ended, if it did. */
  take(mark: PtyMark): EndedCommand | undefined {
    const [, kind, rest = ''] = /^633;([A-Z])(?:;(.*))?$/s.exec(mark.text) ?? [];
    switch (kind) {
      case 'E':
        this.named(decodeMarkText(rest));
        return undefined;
      case 'C': {
        // What ran before did not say that it ended: its shell was interrupted, or it became another program.
        const ended = this.finish(mark, null);
        this.begin(mark);
        this.noteReplacement();
        return ended;
      }
      case 'D':
        return this.finish(mark, exitCodeOf(rest));
      case 'P':
        if (rest.startsWith('Cwd=')) this.folder = decodeMarkText(rest.slice('Cwd='.length));
        // It comes with each prompt, so nothing runs any more, even if that was not told.
        return this.finish(mark, null);
      default:
        return undefined;
    }
  }

  /** A command line is told right before its start, or in bash sometimes right after it. */
  private named(commandLine: string): void {
    if (this.running?.commandLine === '') {
      this.replaceLast({ ...this.running, commandLine });
      this.noteReplacement();
    } else this.commandLine = commandLine;
  }

  /**
   * What `exec` puts in the shell's place tells no end, and that shell has none either: its commands are over. Where the
   * shell goes on all the same, as after `exec 2>log`, it tells the end as of any other command.
   */
  private noteReplacement(): void {
    const { running } = this;
    if (!running || !/^\s*exec\s/.test(running.commandLine)) return;
    const { fromOffset } = running.output;
    this.replaceLast({ ...running, exitCode: null, durationMs: 0, output: { fromOffset, toOffset: fromOffset } });
  }

  private begin(mark: PtyMark): void {
    this.running = {
      index: mark.index,
      commandLine: this.commandLine,
      cwd: this.folder ?? '',
      startedAt: mark.atMs,
      output: { fromOffset: mark.endOffset },
    };
    this.commandLine = '';
    this.kept.push(this.running);
    this.chars += size(this.running);
    while (this.kept.length > maxCommands || (this.chars > maxChars && this.kept.length > 1)) {
      const oldest = this.kept.shift();
      if (oldest) this.chars -= size(oldest);
    }
  }

  private finish(mark: PtyMark, exitCode: number | null): EndedCommand | undefined {
    const { running } = this;
    if (!running) return undefined;
    const durationMs = Math.max(0, mark.atMs - running.startedAt);
    const output = { fromOffset: running.output.fromOffset, toOffset: mark.offset };
    const ended = { ...running, exitCode, durationMs, output };
    this.replaceLast(ended);
    this.running = undefined;
    return ended;
  }

  private replaceLast(command: TerminalCommand): void {
    const former = this.kept.pop();
    this.chars += size(command) - (former ? size(former) : 0);
    this.kept.push(command);
    this.running = command;
  }
}

/** What the scripts wrote for control characters, `;` and backslashes: `\xNN`. */
export function decodeMarkText(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function exitCodeOf(text: string): number | null {
  return /^-?\d{1,10}$/.test(text) ? Number(text) : null;
}

function size({ commandLine, cwd }: TerminalCommand): number {
  return commandLine.length + cwd.length;
}
