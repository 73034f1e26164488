import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { EditorHost, FileText } from './editorHost.ts';
import { fileTooLarge, readCancelled } from './errors.ts';
import type { BufferReader } from './ports.ts';

const defaultTimeLimitMs = 2_000;
const defaultMaxBytes = 10 * 1024 * 1024;

interface AttachedEditorHostOptions {
  /** The editor to ask now, if one is attached. */
  readonly editor: () => BufferReader | undefined;
  /** Asked for files that no buffer holds, and when the editor does not answer in time. */
  readonly disk: EditorHost;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeLimitMs?: number;
  readonly maxBytes?: number;
}

/** Reads files as the person sees them: a buffer with unsaved changes wins over the disk. */
export class AttachedEditorHost implements EditorHost {
  private readonly options: AttachedEditorHostOptions;
  private readonly timeLimitMs: number;
  private readonly maxBytes: number;

  constructor(options: AttachedEditorHostOptions) {
    this.options = options;
    this.timeLimitMs = options.timeLimitMs ?? defaultTimeLimitMs;
    this.maxBytes = options.maxBytes ?? defaultMaxBytes;
  }

  async readText(path: string, signal?: AbortSignal): Promise<FileText> {
    if (signal?.aborted === true) throw readCancelled(path);
    const text = await this.bufferText(path, signal);
    if (text === undefined) return this.options.disk.readText(path, signal);
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > this.maxBytes) throw fileTooLarge(path, sizeBytes, this.maxBytes);
    return { text, fromBuffer: true, isLossy: false };
  }

  /** The buffer's text; undefined if there is no such buffer, or no answer in time. */
  private async bufferText(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const editor = this.options.editor();
    if (editor === undefined) return undefined;
    const limit = new AbortController();
    const ended = Promise.withResolvers<'timeout' | 'cancelled'>();
    const timer = this.options.clock.after(this.timeLimitMs, () => ended.resolve('timeout'));
    const onAbort = (): void => ended.resolve('cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      // The editor may ignore the signal, so its answer is raced, not waited for.
      const answer = await Promise.race([this.ask(editor, path, limit.signal), ended.promise]);
      if (answer === 'cancelled') throw readCancelled(path);
      if (answer !== 'timeout') return answer?.text;
      this.options.logger.warn('The editor did not answer in time; the file is read from the disk', {
        path,
        timeLimitMs: this.timeLimitMs,
      });
      return undefined;
    } finally {
      timer.dispose();
      signal?.removeEventListener('abort', onAbort);
      limit.abort();
    }
  }

  /** Never rejects. */
  private async ask(
    editor: BufferReader,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly text: string } | undefined> {
    try {
      const { text } = await editor.request('editor/readBuffer', { path }, signal);
      return text === null ? undefined : { text };
    } catch (error) {
      if (!signal.aborted) {
        this.options.logger.warn('The editor could not give a buffer; the file is read from the disk', { path, error });
      }
      return undefined;
    }
  }
}
