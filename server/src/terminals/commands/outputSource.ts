import type { PtyExit } from '../../ptyProtocol/messages.ts';

/** How a command ended, and how long it took. */
export interface CommandExit extends PtyExit {
  /** Null where it ended while no server was there to see it. */
  readonly durationMs: number | null;
}

export interface OutputPiece {
  /** Where the piece begins; after the offset asked for where bytes are not kept. */
  readonly offset: number;
  /** Empty at the end. */
  readonly data: Uint8Array;
}

/** The output of one terminal as far as it is kept, to be read at any place. Offsets count bytes of the output. */
export interface OutputSource {
  /** The conversation whose agent ran the command; null where it was somebody else. */
  readonly conversationId: string | null;
  /** Length of the output so far. */
  readonly endOffset: number;
  /** The bytes between the first and the last part that are not kept; equal where there are none. */
  readonly gap: { readonly from: number; readonly to: number };
  /** Null while it runs, or where its end is not known. */
  readonly exit: CommandExit | null;
  /** At most `maxBytes` from `offset` on. */
  read(offset: number, maxBytes: number): Promise<OutputPiece>;
  close(): Promise<void>;
}

/** Output that is in memory as a whole. */
export function sourceOfBytes(
  data: Uint8Array,
  facts: Pick<OutputSource, 'conversationId' | 'exit'> & { readonly startOffset?: number },
): OutputSource {
  const { conversationId, exit, startOffset = 0 } = facts;
  return {
    conversationId,
    exit,
    endOffset: startOffset + data.length,
    gap: { from: 0, to: startOffset },
    read: (offset, maxBytes) => {
      const start = Math.max(0, offset - startOffset);
      return Promise.resolve({ offset: startOffset + start, data: data.subarray(start, start + maxBytes) });
    },
    close: () => Promise.resolve(),
  };
}
