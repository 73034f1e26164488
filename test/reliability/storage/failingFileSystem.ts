import { nodeFileSystem, type FileSystem, type OpenFile } from '../../../server/src/base/fileSystem.ts';

/** What an operation fails with; `torn`: with EIO, after half of a write; `unseen`: not what changes something fails, but a stat, a list or a read. */
export type FaultKind = 'EIO' | 'ENOSPC' | 'EROFS' | 'EFBIG' | 'torn' | 'unseen';
export const faultKinds: readonly FaultKind[] = ['EIO', 'ENOSPC', 'EROFS', 'EFBIG', 'torn', 'unseen'];

/** The machine's file system, of which the n-th operation fails, `torn` after half a write. */
export class FailingFileSystem {
  operations = 0;
  private readonly at: number;
  private readonly kind: FaultKind;

  constructor(at: number, kind: FaultKind) {
    this.at = at;
    this.kind = kind;
  }

  readonly fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: async (file, mode) => {
      if (mode === 'createNew') this.count();
      else this.look();
      return this.counted(await nodeFileSystem.open(file, mode));
    },
    stat: (file) => this.afterLook(() => nodeFileSystem.stat(file)),
    list: (folder) => this.afterLook(() => nodeFileSystem.list(folder)),
    createFolder: (folder) => this.after(() => nodeFileSystem.createFolder(folder)),
    rename: (from, to) => this.after(() => nodeFileSystem.rename(from, to)),
    remove: (file) => this.after(() => nodeFileSystem.remove(file)),
    removeFolder: (folder) => this.after(() => nodeFileSystem.removeFolder(folder)),
    syncFolder: (folder) => this.after(() => nodeFileSystem.syncFolder(folder)),
  };

  private counted(open: OpenFile): OpenFile {
    return {
      ...open,
      read: (into, position) => this.afterLook(() => open.read(into, position)),
      write: async (data, position) => {
        if (this.isNext() && this.kind === 'torn') await open.write(data.subarray(0, data.byteLength >> 1), position);
        this.count();
        return open.write(data, position);
      },
      datasync: () => this.after(() => open.datasync()),
    };
  }

  private async after<T>(work: () => Promise<T>): Promise<T> {
    this.count();
    return work();
  }

  private async afterLook<T>(work: () => Promise<T>): Promise<T> {
    this.look();
    return work();
  }

  private isNext(): boolean {
    return this.operations + 1 === this.at;
  }

  private count(): void {
    if (this.kind !== 'unseen') this.next();
  }

  private look(): void {
    if (this.kind === 'unseen') this.next();
  }

  private next(): void {
    this.operations += 1;
    const code = this.kind === 'torn' || this.kind === 'unseen' ? 'EIO' : this.kind;
    if (this.operations === this.at) throw Object.assign(new Error(`${code}: made to fail`), { code });
  }
}
