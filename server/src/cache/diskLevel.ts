import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { CacheDiskStats } from '../../protocol/cache.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode, type FileSystem } from '../base/fileSystem.ts';
import type { Logger } from '../base/logger.ts';
import { DiskBreaker } from './diskBreaker.ts';
import { decodeRecord, digestOf, encodeRecord, formatVersion, maxKeyChars, maxRecordBytes } from './diskEntry.ts';
import {
  blockBytes,
  createFolders,
  fileOf,
  ifThere,
  listFiles,
  quarantineName,
  readWhole,
  writeWhole,
} from './diskFiles.ts';
import { sweep } from './diskSweep.ts';
import { DamagedFile } from './errors.ts';
import type { HealthReporter } from './ports.ts';

/** A disk that takes longer than this for one entry is treated as one that fails. */
const timeoutMs = 2_000;
/** To look at all files there are, or to remove them. */
const sweepTimeoutMs = 20_000;
/** Entries that wait to be written; more are not kept on disk. */
const maxWaitingWrites = 64;

/** One entry as it stands on disk. Times are milliseconds since 1970. */
export interface StoredEntry {
  readonly bytes: Uint8Array;
  readonly storedAt: number;
  readonly freshUntil: number;
  readonly usableUntil: number;
}

interface Cleared {
  readonly freedBytes: number;
  /** What kept the rest from being removed. */
  readonly problem?: unknown;
}

export interface DiskLevelOptions {
  /** Made when first needed. Shared with other servers on the same data folder. */
  readonly folder: string;
  /** Zero turns the disk off. */
  readonly maxBytes: () => number;
  readonly fileSystem: FileSystem;
  readonly health: HealthReporter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The level on disk: content under the name of its SHA-256, and for each key a record that names its content. Whatever
 * is read is checked; what is damaged is put aside and is a miss. No method rejects.
 */
export class DiskLevel {
  private readonly options: DiskLevelOptions;
  private readonly folder: string;
  private readonly breaker: DiskBreaker;
  private readonly writes = new Set<Promise<void>>();
  private readonly clears = new Set<Promise<unknown>>();
  private sweeping: Promise<void> | undefined;
  private usedBytes: number | undefined;
  /** Written since the sweep began that runs now, or ran last. */
  private addedBytes = 0;
  private isClosed = false;

  constructor(options: DiskLevelOptions) {
    this.options = options;
    this.folder = path.join(options.folder, `v${formatVersion}`);
    this.breaker = new DiskBreaker({ ...options, probe: () => this.probe() });
  }

  get isUsed(): boolean {
    return this.options.maxBytes() > 0 && !this.breaker.isOpen && !this.isClosed;
  }

  /** What is kept under `key`, or undefined: not there, damaged, or the disk fails. */
  async read(namespace: string, key: string): Promise<StoredEntry | undefined> {
    if (!this.isUsed || key.length > maxKeyChars) return undefined;
    return this.attempt(() => this.readEntry(namespace, key));
  }

  /** Keeps an entry, in the background and if that can be done. */
  write(namespace: string, key: string, entry: StoredEntry): void {
    if (!this.isUsed || this.writes.size >= maxWaitingWrites || key.length > maxKeyChars) return;
    // One entry may not push out all others.
    if (entry.bytes.byteLength > this.options.maxBytes() / 8) return;
    const written = this.attempt(() => this.writeEntry(namespace, key, entry)).then(() => {
      this.writes.delete(written);
      this.sweepIfFull();
    });
    this.writes.add(written);
  }

  /** Removes everything, or one namespace. Answers how many bytes were freed, and what kept others from being so. */
  clear(namespace?: string): Promise<Cleared> {
    const cleared = this.removeAll(namespace).finally(() => this.clears.delete(cleared));
    this.clears.add(cleared);
    return cleared;
  }

  async stats(): Promise<CacheDiskStats> {
    const maxBytes = this.options.maxBytes();
    const { message, counts } = this.breaker;
    const status = maxBytes === 0 ? 'off' : message === undefined ? 'ready' : 'failed';
    if (this.isUsed && this.usedBytes === undefined) await this.startSweep();
    const usedBytes = this.isUsed ? (this.usedBytes ?? null) : null;
    return { status, ...(message !== undefined && { message }), usedBytes, maxBytes, ...counts };
  }

  /** To be called when the settings have changed: a disk that is not to be used is not looked after either. */
  settingsChanged(): void {
    if (this.options.maxBytes() === 0) this.breaker.reset();
    else if (this.usedBytes !== undefined) this.sweepIfFull();
  }

  /** Finishes what is being written or removed. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.breaker.dispose();
    await Promise.all([...this.writes, ...this.clears]);
    await this.sweeping;
  }

  private async removeAll(namespace?: string): Promise<Cleared> {
    // What was asked to be written before may not come back after.
    await Promise.all(this.writes);
    await this.sweeping;
    let freedBytes = 0;
    try {
      const files = listFiles(this.options.fileSystem, this.folder, namespace);
      for (const file of await this.limited(files, sweepTimeoutMs)) {
        await this.limited(ifThere(this.options.fileSystem.remove(file.path)));
        freedBytes += file.takenBytes;
      }
    } catch (problem) {
      return { freedBytes, problem };
    } finally {
      this.usedBytes = undefined;
    }
    return { freedBytes };
  }

  private async readEntry(namespace: string, key: string): Promise<StoredEntry | undefined> {
    const { fileSystem } = this.options;
    const recordFile = fileOf(this.folder, namespace, 'entries', digestOf(key));
    const recordBytes = await readWhole(fileSystem, recordFile, maxRecordBytes);
    if (!recordBytes) return undefined;
    const { digest, sizeBytes, ...times } = decodeRecord(recordBytes, key, recordFile);
    if (sizeBytes > this.options.maxBytes()) return undefined;
    const contentFile = fileOf(this.folder, namespace, 'content', digest);
    const bytes = await readWhole(fileSystem, contentFile, sizeBytes);
    // The oldest files are removed first, and content is older than its record.
    if (!bytes) return undefined;
    if (bytes.byteLength !== sizeBytes || digestOf(bytes) !== digest)
      throw new DamagedFile(contentFile, 'the content is not what its name says');
    return { bytes, ...times };
  }

  private async writeEntry(namespace: string, key: string, entry: StoredEntry): Promise<void> {
    const { fileSystem } = this.options;
    const { bytes, ...times } = entry;
    const digest = digestOf(bytes);
    const contentFile = fileOf(this.folder, namespace, 'content', digest);
    const present = await ifThere(fileSystem.stat(contentFile));
    if (present?.sizeBytes !== bytes.byteLength) {
      if (present) await this.putAside(new DamagedFile(contentFile, 'it has another length than its name says'));
      await writeWhole(fileSystem, contentFile, bytes);
      this.count(bytes.byteLength);
    }
    const record = encodeRecord({ key, digest, sizeBytes: bytes.byteLength, ...times });
    await writeWhole(fileSystem, fileOf(this.folder, namespace, 'entries', digestOf(key)), record);
    this.count(record.byteLength);
  }

  /** An entry that is written anew is counted again, which the next sweep puts right. */
  private count(sizeBytes: number): void {
    const takenBytes = Math.ceil(sizeBytes / blockBytes) * blockBytes;
    this.addedBytes += takenBytes;
    if (this.usedBytes !== undefined) this.usedBytes += takenBytes;
  }

  private sweepIfFull(): void {
    if (this.usedBytes !== undefined && this.usedBytes <= this.options.maxBytes()) return;
    if (this.isUsed && this.writes.size === 0) void this.startSweep();
  }

  /** Counts what is there, and removes the oldest if it is too much. One at a time. */
  private startSweep(): Promise<void> {
    this.sweeping ??= this.runSweep().finally(() => {
      this.sweeping = undefined;
      // What was written meanwhile may be too much again.
      if (this.usedBytes !== undefined) this.sweepIfFull();
    });
    return this.sweeping;
  }

  private async runSweep(): Promise<void> {
    const { fileSystem, maxBytes, clock } = this.options;
    this.addedBytes = 0;
    try {
      const swept = sweep({ fileSystem, folder: this.folder, maxBytes: maxBytes(), now: clock.now() });
      this.usedBytes = (await this.limited(swept, sweepTimeoutMs)) + this.addedBytes;
    } catch (error) {
      this.breaker.failed(error);
    }
  }

  private async attempt<T>(operation: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.limited(operation());
    } catch (error) {
      if (error instanceof DamagedFile) await this.putAside(error);
      else this.breaker.failed(error);
      return undefined;
    }
  }

  /** Moves a damaged file out of the way, so that a person can look at it and nobody reads it again. */
  private async putAside(damage: DamagedFile): Promise<void> {
    const { fileSystem, logger } = this.options;
    this.breaker.damaged();
    const folder = path.join(this.folder, quarantineName);
    const name = `${path.basename(damage.file)}.${randomBytes(4).toString('hex')}`;
    try {
      await this.limited(createFolders(fileSystem, folder, 1));
      await this.limited(fileSystem.rename(damage.file, path.join(folder, name)));
      logger.warn('A damaged file of the cache was put aside', { keptAs: name, error: damage.message });
    } catch (error) {
      // Another server on this folder may have done it already.
      if (errorCode(error) !== 'ENOENT') this.breaker.failed(error);
    }
  }

  private async probe(): Promise<void> {
    const { fileSystem } = this.options;
    const bytes = randomBytes(blockBytes);
    const file = fileOf(this.folder, 'probe', 'content', digestOf(bytes));
    await this.limited(writeWhole(fileSystem, file, bytes));
    try {
      const read = await this.limited(readWhole(fileSystem, file, blockBytes));
      if (!read || !bytes.equals(read)) throw new DamagedFile(file, 'it was not read as it was written');
    } finally {
      await this.limited(fileSystem.remove(file));
    }
  }

  /** A disk may hang for ever; who asks the cache may not. */
  private async limited<T>(operation: Promise<T>, limitMs = timeoutMs): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = this.options.clock.after(limitMs, () => {
      late.reject(Object.assign(new Error(`The disk did not answer within ${limitMs} ms`), { code: 'ETIMEDOUT' }));
    });
    try {
      return await Promise.race([operation, late.promise]);
    } finally {
      timer.dispose();
    }
  }
}
