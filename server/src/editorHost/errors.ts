import { CodedError } from '../../protocol/errors.ts';
import { errorCode } from '../base/fileSystem.ts';

/** The file is larger than an agent may read at once. */
export function fileTooLarge(file: string, sizeBytes: number, maxBytes: number): CodedError {
  return new CodedError(
    'TooLarge',
    `${file} has ${sizeBytes} bytes; at most ${maxBytes} are read. Search in it, or read a part with a command.`,
    {
      args: { file, sizeBytes, maxBytes },
    },
  );
}

/** The file holds no text. */
export function notText(file: string): CodedError {
  return new CodedError('Unsupported', `${file} is a binary file, not text. Inspect it with a command instead.`, {
    args: { file },
  });
}

/** The path names a folder, a device, a pipe or a socket. */
export function notAFile(file: string): CodedError {
  return new CodedError('Unsupported', `${file} is no regular file. Give the path of a file.`, { args: { file } });
}

/** The caller no longer wants the text. */
export function readCancelled(file: string): CodedError {
  return new CodedError('Cancelled', `Reading ${file} was cancelled.`, { args: { file } });
}

/** The disk refused. A `CodedError` passes through. */
export function readFailed(file: string, error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const code = errorCode(error) ?? 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new CodedError('NotFound', `${file} does not exist. List the folder to see what is there.`, {
      args: { file },
    });
  }
  if (code === 'ELOOP' || code === 'EISDIR' || code === 'ENXIO') return notAFile(file);
  const advice =
    code === 'EACCES' || code === 'EPERM' ? 'This user may not read it.' : 'Try again, or look at the disk.';
  return new CodedError('Unavailable', `${file} could not be read (${code}). ${advice}`, {
    args: { file, code },
    cause: error,
  });
}
