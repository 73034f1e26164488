import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

/** A file of terminal output and the number of bytes that a terminal makes of it. */
export interface SampleFile {
  readonly file: string;
  readonly fileBytes: number;
  /** Each line feed becomes carriage return and line feed. */
  readonly terminalBytes: number;
}

const words = 'compiled linked warning passed failed cached resolved module target finished in of the with'.split(' ');

/** Lines of a build's log with colours, in ASCII, always the same. At least `bytes` long. */
export async function writeSampleFile(file: string, bytes: number): Promise<SampleFile> {
  const block = sampleLines(2_000);
  const lines = block.split('\n').length - 1;
  const stream = createWriteStream(file);
  const blocks = Math.ceil(bytes / block.length);
  for (let written = 0; written < blocks; written++) if (!stream.write(block)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'close');
  const fileBytes = blocks * block.length;
  return { file, fileBytes, terminalBytes: fileBytes + blocks * lines };
}

/** `count` lines of about 100 columns, coloured in parts, each ended by a line feed. */
export function sampleLines(count: number): string {
  let state = 1;
  const next = (below: number): number => {
    // The generator of the C standard's example: enough for lines that differ, and the same on every machine.
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
  const lines = Array.from({ length: count }, (_, line) => {
    const text = Array.from({ length: 10 }, () => words[next(words.length)] ?? '').join(' ');
    return `\x1b[2m${String(line).padStart(6, '0')}\x1b[0m \x1b[3${1 + next(6)}m${text.slice(0, 20)}\x1b[39m${text.slice(20)} \x1b[1m${next(100_000)}\x1b[22m`;
  });
  return `${lines.join('\n')}\n`;
}
