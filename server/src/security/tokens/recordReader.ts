import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CodedError } from '../../../protocol/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { mainId } from '../../base/door.ts';
import { errorCode, type FileSystem } from '../../base/fileSystem.ts';
import type { HiddenValues } from '../../base/hiddenValues.ts';
import type { Logger } from '../../base/logger.ts';
import { ensureTokenFile, type TokenFile } from './tokenFile.ts';
import { digestOf, parseTokenRecord, type TokenRecord } from './tokenRecord.ts';

/** Far above any record. */
const maxRecordBytes = 4_096;
/** A disk that takes longer does not answer. */
const readLimitMs = 5_000;

export interface RecordReaderOptions {
  /** Absolute; private to the person. */
  readonly dataFolder: string;
  /** Is given the data folder's token whenever it is read, to keep it out of what is written down. */
  readonly hidden: Pick<HiddenValues, 'hide'>;
  /** Called with a sentence about each thing that was not as it should be with the data folder's token, and was mended. */
  readonly onRepaired: (repair: string) => void;
  /** Where tokens are written and ended. */
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads what the disk knows of a token. Each waits for its own file and for no other, 5 s at most; where a read hangs, there
 * is no second one of the same file beside it.
 */
export class RecordReader {
  private readonly options: RecordReaderOptions;
  private readonly folder: string;
  private readonly reading = new Map<string, Promise<TokenRecord | undefined>>();

  constructor(options: RecordReaderOptions) {
    this.options = options;
    this.folder = path.join(options.dataFolder, 'tokens');
  }

  /** Absolute path of the record of a token that was made for somebody. */
  file(tokenId: string): string {
    return path.join(this.folder, `${tokenId}.json`);
  }

  /** Of the tokens that were made for others. Rejects with `Unavailable`. */
  async ids(): Promise<string[]> {
    const names = await fs.readdir(this.folder).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw unreadable(error);
    });
    return names.flatMap((name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? []);
  }

  /** Undefined for none, or one that is damaged. Rejects with `Unavailable` where the disk does not answer. */
  async read(tokenId: string): Promise<TokenRecord | undefined> {
    const reading = this.reading.get(tokenId) ?? this.begin(tokenId);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.options.clock.after(readLimitMs, () =>
      reject(unreadable(new Error('the disk does not answer'))),
    );
    try {
      return await Promise.race([reading, late]);
    } finally {
      timer.dispose();
    }
  }

  /** The file has just been changed: what is being read of it no longer counts. */
  forget(tokenId: string): void {
    this.reading.delete(tokenId);
  }

  /** The data folder's own token, which is made if there is none. Rejects with `Unavailable`. */
  async readMain(): Promise<TokenFile> {
    const { dataFolder, hidden, onRepaired, logger } = this.options;
    const file = await ensureTokenFile(dataFolder);
    hidden.hide(file.token);
    for (const repair of file.repairs) {
      logger.warn(repair);
      onRepaired(repair);
    }
    return file;
  }

  private begin(tokenId: string): Promise<TokenRecord | undefined> {
    const reading = this.readRecord(tokenId).finally(() => {
      if (this.reading.get(tokenId) === reading) this.reading.delete(tokenId);
    });
    this.reading.set(tokenId, reading);
    return reading;
  }

  private async readRecord(tokenId: string): Promise<TokenRecord | undefined> {
    if (tokenId === mainId) {
      const { token } = await this.readMain();
      return { version: 1, name: 'the data folder’s own', scope: 'admin', digest: digestOf(token), createdAt: 0 };
    }
    try {
      const file = this.file(tokenId);
      if ((await fs.stat(file)).size > maxRecordBytes) return undefined;
      const record = parseTokenRecord(await fs.readFile(file, 'utf8'));
      if (!record) this.options.logger.warn('A token’s file is damaged, so that the token does not hold', { tokenId });
      return record;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw unreadable(error);
    }
  }
}

function unreadable(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const code = errorCode(error) ?? (error instanceof Error ? error.message : 'unknown error');
  return new CodedError('Unavailable', `The tokens in the data folder could not be read (${code}).`, {
    args: { code },
    cause: error,
  });
}
