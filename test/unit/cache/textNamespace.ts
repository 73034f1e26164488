/** Texts, fresh for a minute and then usable for an hour; those that begin with "never" are not kept. */
export const textNamespace = {
  name: 'texts',
  weight: 1,
  lifetimeOf: (text: string) =>
    text.startsWith('never') ? { freshForMs: 0, staleForMs: 0 } : { freshForMs: 60_000, staleForMs: 3_600_000 },
  sizeBytesOf: (text: string): number => text.length,
};

/** The same, on disk too. */
export const textsOnDisk = {
  ...textNamespace,
  disk: {
    encode: (text: string): Uint8Array => Buffer.from(text),
    decode: (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8'),
  },
};
