import assert from 'node:assert/strict';

/** Prints numbers of seven digits for ever, so that every byte of the output says at which offset it must stand. */
export const countingScript = 'while :; do seq -w 0 9999999; done';

const lineBytes = 9;
const lines = 10_000_000;
const chunkLines = 10_000;

/** Asserts that `data` is what the script prints from byte `offset` on. */
export function assertCounted(data: Uint8Array, offset: number): void {
  const first = Math.floor(offset / lineBytes);
  const count = Math.ceil((offset + data.length) / lineBytes) - first;
  for (let done = 0; done < count; done += chunkLines) {
    const from = first + done;
    const text = numbers(from, Math.min(chunkLines, count - done));
    // Where the piece lies in the data, and the part of it that lies inside.
    const at = from * lineBytes - offset;
    const expected = text.slice(Math.max(0, -at), data.length - at);
    const actual = Buffer.from(data.subarray(Math.max(0, at), at + text.length)).toString('latin1');
    if (actual === expected) continue;
    const differs = Array.from(expected).findIndex((character, index) => character !== actual[index]);
    assert.fail(
      `byte ${offset + Math.max(0, at) + differs}: ${JSON.stringify(actual.slice(differs - 20, differs + 20))} ` +
        `where ${JSON.stringify(expected.slice(differs - 20, differs + 20))} was printed`,
    );
  }
}

/** The lines that end before byte `offset`, the last `count` of them, and the beginning of the next one. */
export function linesBefore(offset: number, count: number): string[] {
  const current = Math.floor(offset / lineBytes);
  const whole = numbers(current - count, count + 1).split('\r\n');
  const partial = whole[count]?.slice(0, Math.min(7, offset % lineBytes)) ?? '';
  return [...whole.slice(0, count), partial];
}

function numbers(from: number, count: number): string {
  let text = '';
  for (let line = from; line < from + count; line++) text += `${String(line % lines).padStart(7, '0')}\r\n`;
  return text;
}
