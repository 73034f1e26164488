/** Text out of a file's bytes. */
export interface DecodedText {
  readonly text: string;
  /** Some bytes were no valid text and were replaced by U+FFFD. */
  readonly isLossy: boolean;
}

/**
 * Decodes UTF-8, or UTF-16 where a byte order mark says so; the mark is left out. Undefined for what is no text: a NUL
 * byte is in no text file, and in nearly every other.
 */
export function decodeText(bytes: Uint8Array): DecodedText | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decode(bytes, 'utf-16le');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decode(swapPairs(bytes), 'utf-16le');
  return bytes.includes(0) ? undefined : decode(bytes, 'utf-8');
}

function decode(bytes: Uint8Array, encoding: 'utf-8' | 'utf-16le'): DecodedText {
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), isLossy: false };
  } catch {
    // The strict decoder only tells that something is wrong; the lenient one marks where.
    return { text: new TextDecoder(encoding).decode(bytes), isLossy: true };
  }
}

function swapPairs(bytes: Uint8Array): Uint8Array {
  const swapped = new Uint8Array(bytes);
  for (let index = 0; index + 1 < swapped.length; index += 2) {
    swapped[index] = bytes[index + 1] ?? 0;
    swapped[index + 1] = bytes[index] ?? 0;
  }
  return swapped;
}
