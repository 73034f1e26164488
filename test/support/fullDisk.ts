import { nodeFileSystem, type FileSystem } from '../../server/src/base/fileSystem.ts';

/** The machine's file system, whose disk is full while `isFull` is set. */
export class FullDisk {
  isFull = false;
  /** So many bytes can still be written when it is full. */
  roomBytes = 0;

  readonly fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: async (path, mode) => {
      const file = await nodeFileSystem.open(path, mode);
      return {
        read: (into, position) => file.read(into, position),
        write: (data, position) => {
          if (!this.isFull) return file.write(data, position);
          if (data.byteLength <= this.roomBytes) {
            this.roomBytes -= data.byteLength;
            return file.write(data, position);
          }
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
