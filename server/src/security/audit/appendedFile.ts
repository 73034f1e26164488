import { writeFully, type OpenFile } from '../../base/fileSystem.ts';

/** A file that only grows. What could not be written whole is cut off again before anything else is written. */
export class AppendedFile {
  private readonly file: OpenFile;
  private end = 0;
  /** The file may hold more than `end`. */
  private needsCut = false;

  /** `file` is empty. */
  constructor(file: OpenFile) {
    this.file = file;
  }

  get sizeBytes(): number {
    return this.end;
  }

  /** Writes `data` whole, and makes it durable if `durable`; else nothing of it stays. */
  async append(data: Uint8Array, { durable }: { readonly durable: boolean }): Promise<void> {
    await this.cutBack();
    this.needsCut = true;
    await writeFully(this.file, data, this.end);
    if (durable) await this.file.datasync();
    this.end += data.byteLength;
    this.needsCut = false;
  }

  /** Takes back what was appended last. */
  takeBack(lengthBytes: number): void {
    this.end -= lengthBytes;
    this.needsCut = true;
  }

  /** Cuts off what does not belong there, if there is any. */
  async cutBack(): Promise<void> {
    if (!this.needsCut) return;
    await this.file.truncate(this.end);
    // Else what was refused could be there again after a loss of power.
    await this.file.datasync();
    this.needsCut = false;
  }

  datasync(): Promise<void> {
    return this.file.datasync();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
