import { nodeFileSystem, type FileSystem, type OpenFile } from '../../server/src/base/fileSystem.ts';

export type Operation = 'open' | 'read' | 'write' | 'close' | 'rename' | 'remove' | 'stat' | 'list' | 'createFolder';

/** Judges an operation, counted from 1: an error code fails it, `torn` writes half and fails, `hang` never answers. */
export type Judge = (operation: Operation, count: number, file: string) => string | undefined;

/** The machine's file system, whose every operation can be made to fail. */
export class FaultyFileSystem {
  operations = 0;
  judge: Judge = () => undefined;
  readonly fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: async (file, mode) => {
      await this.pass('open', file);
      return this.openFile(await nodeFileSystem.open(file, mode), file);
    },
    stat: (file) => this.pass('stat', file).then(() => nodeFileSystem.stat(file)),
    list: (folder) => this.pass('list', folder).then(() => nodeFileSystem.list(folder)),
    createFolder: (folder) => this.pass('createFolder', folder).then(() => nodeFileSystem.createFolder(folder)),
    rename: (from, to) => this.pass('rename', from).then(() => nodeFileSystem.rename(from, to)),
    remove: (file) => this.pass('remove', file).then(() => nodeFileSystem.remove(file)),
  };

  /** From now on every operation fails. */
  failAlways(code: string): void {
    this.judge = () => code;
  }

  mend(): void {
    this.judge = () => undefined;
  }

  private openFile(handle: OpenFile, file: string): OpenFile {
    return {
      read: (into, position) => this.pass('read', file).then(() => handle.read(into, position)),
      write: async (data, position) => {
        const verdict = this.judge('write', ++this.operations, file);
        if (verdict === 'torn') await handle.write(data.subarray(0, data.byteLength >> 1), position);
        if (verdict !== undefined) throw errorOf(verdict === 'torn' ? 'EIO' : verdict);
        return handle.write(data, position);
      },
      truncate: (lengthBytes) => handle.truncate(lengthBytes),
      datasync: () => handle.datasync(),
      // The descriptor is given back even where closing is said to have failed, as the kernel does.
      close: async () => {
        await handle.close();
        await this.pass('close', file);
      },
    };
  }

  private pass(operation: Operation, file: string): Promise<void> {
    const verdict = this.judge(operation, ++this.operations, file);
    if (verdict === 'hang') return new Promise(() => undefined);
    return verdict === undefined ? Promise.resolve() : Promise.reject(errorOf(verdict === 'torn' ? 'EIO' : verdict));
  }
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: made to fail`), { code });
}
