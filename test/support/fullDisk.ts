import { nodeFileSystem, type FileSystem } from '../../server/src/base/fileSystem.ts';

/** The machine's file system, whose disk is full while `isFull` is set. */
export class FullDisk {
  isFull = false;

  readonly fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: async (path, mode) => {
      const file = await nodeFileSystem.open(path, mode);
      return {
        read: (into, position) => file.read(into, position),
        write: (data, position) => {
          if (!this.isFull) return file.write(data, position);
          const error = new Error('ENOSPC: no space left on device, write') as NodeJS.ErrnoException;
          error.code = 'ENOSPC';
          return Promise.reject(error);
        },
        truncate: (lengthBytes) => file.truncate(lengthBytes),
        datasync: () => file.datasync(),
        close: () => file.close(),
      };
    },
  };
}
