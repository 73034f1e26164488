import { CodedError } from '../../../protocol/errors.ts';
import type { TerminalId } from '../../../protocol/terminal.ts';
import type { Logger } from '../../base/logger.ts';
import type { CommandOutputFile } from './commandOutputFile.ts';
import type { CommandOutputFiles } from './commandOutputFiles.ts';
import { OutputBudget, type KeptOutput } from './outputBudget.ts';
import { sourceOfBytes, type CommandExit, type OutputSource } from './outputSource.ts';

/** Output up to here stays in memory; what is longer goes to a file as a whole. */
const maxMemoryBytes = 48_000;

export interface CommandRecordingOptions {
  readonly id: TerminalId;
  readonly conversationId: string | null;
  /** Bytes of output that `kept` gives. */
  readonly maxKeptBytes: number;
  readonly files: CommandOutputFiles;
  readonly logger: Logger;
}

/**
 * What one command prints: its start and end within a budget, and, once it is long or was asked for, all of it in a file
 * that can be read back. A disk that fails costs the file, never the command.
 */
export class CommandRecording {
  private readonly options: CommandRecordingOptions;
  private readonly budget: OutputBudget;
  /** Everything so far, as long as nothing goes to the disk. */
  private memory: Uint8Array[] = [];
  private file: CommandOutputFile | undefined;
  /** The end of the queue of writes; undefined as long as nothing goes to the disk. */
  private writing: Promise<void> | undefined;
  private hasFailed = false;
  private isClosed = false;
  private end = 0;
  private exit: CommandExit | null = null;

  constructor(options: CommandRecordingOptions) {
    this.options = options;
    this.budget = new OutputBudget(options.maxKeptBytes);
  }

  /** Offset of the next byte. */
  get endOffset(): number {
    return this.end;
  }

  /** Whether all of it goes to a file. */
  get hasFile(): boolean {
    return this.writing !== undefined && !this.hasFailed;
  }

  /** Goes on with the file that a server which is gone has left, if there is one. Called first. */
  async resume(): Promise<void> {
    const { files, id, conversationId, maxKeptBytes } = this.options;
    const left = await files.open(id);
    if (!left) return;
    await left.close();
    this.file = await files.openForWriting(id, conversationId);
    this.writing = Promise.resolve();
    const half = Math.floor(maxKeptBytes / 2);
    await this.restore(0, half);
    if (this.file.endOffset > this.end) await this.restore(Math.max(this.end, this.file.endOffset - half), half);
  }

  /** Takes output. Where a promise is given, more should come only once it has resolved; it never rejects. */
  add(offset: number, data: Uint8Array): Promise<void> | undefined {
    const lostBytes = offset - this.end;
    if (lostBytes > 0) this.keepAll();
    this.budget.skip(lostBytes);
    this.budget.add(data);
    this.end = offset + data.length;
    if (this.writing) return this.write((file) => file.append(offset, data));
    this.memory.push(Uint8Array.from(data));
    if (this.end > maxMemoryBytes) this.keepAll();
    return this.writing;
  }

  /** From now on all of it goes to a file, what came before included. */
  keepAll(): void {
    if (this.writing) return;
    const { files, id, conversationId } = this.options;
    const before = Buffer.concat(this.memory);
    this.memory = [];
    this.writing = files.openForWriting(id, conversationId).then(
      (file) => {
        this.file = file;
      },
      (error: unknown) => this.giveUp(error),
    );
    void this.write((file) => file.append(0, before));
  }

  /** The start and the end of it. */
  kept(): KeptOutput {
    return this.budget.kept();
  }

  /** Resolves once the file, if there is one, knows of the end. */
  async finish(exit: CommandExit): Promise<void> {
    this.exit = exit;
    if (this.writing) await this.write((file) => file.finish(exit));
    await this.close();
  }

  /** Resolves once nothing is written any more. Another recording may go on with the file. */
  async close(): Promise<void> {
    await this.writing;
    const { file } = this;
    if (!file || this.isClosed) return;
    this.isClosed = true;
    await file.close().catch((error: unknown) => this.giveUp(error));
    this.options.files.release(this.options.id);
  }

  /** For reading back what came so far. The reader closes it. Rejects with `NotFound` where it is no longer kept. */
  async source(): Promise<OutputSource> {
    const { files, id, conversationId } = this.options;
    await this.writing;
    if (this.hasFile) {
      const file = await files.open(id);
      if (file) return file;
      throw new CodedError(
        'NotFound',
        'The output of this command is no longer kept: its file made room for newer ones, or was deleted.',
        { args: { outputId: id } },
      );
    }
    const inMemory = this.hasFailed ? Buffer.from(this.kept().text) : Buffer.concat(this.memory);
    return sourceOfBytes(inMemory, { conversationId, exit: this.exit });
  }

  private write(action: (file: CommandOutputFile) => Promise<void>): Promise<void> {
    this.writing = (this.writing ?? Promise.resolve()).then(async () => {
      if (!this.file || this.hasFailed || this.isClosed) return;
      try {
        await action(this.file);
      } catch (error) {
        this.giveUp(error);
      }
    });
    return this.writing;
  }

  private giveUp(error: unknown): void {
    this.hasFailed = true;
    this.options.logger.warn('The output of a command could not be written to its file', {
      sessionId: this.options.id,
      error,
    });
  }

  private async restore(fromOffset: number, maxBytes: number): Promise<void> {
    let left = maxBytes;
    for (let offset = fromOffset; left > 0;) {
      const piece = await this.file?.read(offset, Math.min(left, 65_536));
      if (!piece || piece.data.length === 0) return;
      // What is not kept lies between the first part and the last.
      if (piece.offset > offset && fromOffset === 0) return;
      this.budget.skip(piece.offset - this.end);
      this.budget.add(piece.data);
      this.end = piece.offset + piece.data.length;
      offset = this.end;
      left -= piece.data.length;
    }
  }
}
