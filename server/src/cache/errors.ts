import { CodedError } from '../../protocol/errors.ts';

/** There is no such part of the cache. */
export function unknownNamespace(name: string, known: readonly string[]): CodedError {
  return new CodedError(
    'NotFound',
    `The cache has no namespace "${name}". It has ${known.join(', ')}; leave the name out to clear all of them.`,
    { args: { namespace: name } },
  );
}

/** A file of the cache does not hold what its name or its checksum promises. Never leaves the disk level. */
export class DamagedFile extends Error {
  readonly file: string;

  constructor(file: string, problem: string) {
    super(`${file}: ${problem}`);
    this.name = 'DamagedFile';
    this.file = file;
  }
}

const adviceOf: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space.',
  EDQUOT: 'Free some space.',
  EROFS: 'Make the file system of the data folder writable.',
  EACCES: "Mend the permissions of the folder cache in the server's data folder.",
  EPERM: "Mend the permissions of the folder cache in the server's data folder.",
  EIO: 'Check the disk: it reports errors.',
  ETIMEDOUT: 'Check the disk: it does not answer in time.',
};

/** What to do about a disk that fails with `code`. */
export function diskAdvice(code: string): string {
  return adviceOf[code] ?? 'Look into the log.';
}
