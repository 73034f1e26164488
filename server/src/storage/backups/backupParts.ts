import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, writeFully, type FileSystem } from '../../base/fileSystem.ts';
import { ensureFolder, exists, namesIn } from '../../base/folders.ts';
import { sha256Of } from './backupManifest.ts';

const temporarySuffix = '.tmp';
const damagedInfix = '.damaged-';
/** Damaged parts that are kept for a person to look at. */
const maxDamagedKept = 100;

/** The pieces that files in backups consist of, each once, named after the SHA-256 of what is in it. */
export class BackupParts {
  private readonly folder: string;
  private readonly fileSystem: FileSystem;

  constructor(folder: string, fileSystem: FileSystem) {
    this.folder = folder;
    this.fileSystem = fileSystem;
  }

  /** The parts that there are, by name; what is in them is not looked at. */
  async names(): Promise<Set<string>> {
    const names = await namesIn(this.folder, this.fileSystem);
    return new Set(names.filter((name) => /^[\da-f]{64}$/.test(name)));
  }

  /** Whether a part is there in the right size. */
  async has(name: string, sizeBytes: number): Promise<boolean> {
    try {
      return (await this.fileSystem.stat(path.join(this.folder, name))).sizeBytes === sizeBytes;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Keeps `bytes` and answers their name. They are durable, under that name only after `sync`. */
  async put(bytes: Uint8Array): Promise<string> {
    const name = sha256Of(bytes);
    if (await this.has(name, bytes.byteLength)) return name;
    await ensureFolder(this.folder, this.fileSystem);
    const temporary = path.join(this.folder, `${name}.${randomBytes(6).toString('hex')}${temporarySuffix}`);
    const file = await this.fileSystem.open(temporary, 'createNew');
    try {
      await writeFully(file, bytes, 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.fileSystem.rename(temporary, path.join(this.folder, name));
    return name;
  }

  /** Makes the names of all parts durable. */
  async sync(): Promise<void> {
    if (await exists(this.folder, this.fileSystem)) await this.fileSystem.syncFolder(this.folder);
  }

  /** The bytes of a part; undefined where they are missing or not the ones that were kept. */
  async read(name: string, sizeBytes: number): Promise<Uint8Array | undefined> {
    const file = await this.fileSystem.open(path.join(this.folder, name), 'read').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    try {
      // One byte more, so that a part that has grown is noticed.
      const bytes = Buffer.allocUnsafe(sizeBytes + 1);
      let length = 0;
      for (;;) {
        const count = await file.read(bytes.subarray(length), length);
        length += count;
        if (count === 0 || length > sizeBytes) break;
      }
      const content = bytes.subarray(0, length);
      return length === sizeBytes && sha256Of(content) === name ? content : undefined;
    } finally {
      await file.close();
    }
  }

  /** Puts a damaged part aside, so that the next backup keeps a good one in its place. */
  async putAside(name: string): Promise<void> {
    const file = path.join(this.folder, name);
    if (!(await exists(file, this.fileSystem))) return;
    await this.fileSystem.rename(file, `${file}${damagedInfix}${randomBytes(6).toString('hex')}`);
    await this.fileSystem.syncFolder(this.folder);
  }

  /**
   * Removes what no backup uses and what was left half written. Only for the holder of the lock: there is no other
   * writer then. Answers the number of parts removed.
   */
  async sweep(used: ReadonlySet<string>): Promise<number> {
    const names = await namesIn(this.folder, this.fileSystem);
    const isDamaged = (name: string): boolean => name.includes(damagedInfix);
    const spare = names.filter(isDamaged).slice(maxDamagedKept);
    const unused = names.filter((name) => !isDamaged(name) && !used.has(name));
    for (const name of [...unused, ...spare]) await this.fileSystem.remove(path.join(this.folder, name));
    return unused.length;
  }
}
