/** What a person is told where a part of the product is gone under a server that runs. */
export const replacedText =
  'The AI Development Assistant was updated or removed while this server ran, and parts of it that are loaded late are ' +
  'gone. Reload the window, or start the server again, to go on with the new version; terminals go on meanwhile.';

/** By these arguments of a `Conflict` a client knows that it comes from that. */
export const replacedArguments = { replaced: 1 } as const;

/** Whether loading a module or a worker failed because there is no such file: an update removes the folder that runs. */
export function isPartMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
