import { mkdtempSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { runTask } from '../../../scripts/command.ts';
import { runParts, wholeNumber, type PartsReport } from '../partsReport.ts';
import { parts, type PartOptions } from './parts.ts';

const report: PartsReport<PartOptions> = {
  name: 'performance-terminal',
  title: 'Performance of terminals',
  introduction: [
    'Written by `npm run performance:terminal`. Ours is the whole way: the server forked over IPC as the extension does it, its pty host, a',
    'viewer that acknowledges. The peers run in the same minutes, in turn with ours. Rates are medians, with the smallest and the largest',
    'value. Timings depend on the machine and on what else it does; what counts is the ratio. The bare peer is node-pty behind the same JSON-RPC',
    'over the same kind of channel, with nothing else, collecting output for a turn of its event loop; with the marks of VS Code',
    '(100,000 and 5,000 characters, an acknowledgement every 5,000) it collects for 5 ms, as VS Code does. Requests that are no',
    "terminal's are in [the report on calls](performance-rpc.md).",
  ],
  parts,
};

/** Measures terminals beside their peers and writes the report; with names of parts, only prints those. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string', default: '3' }, megabytes: { type: 'string', default: '100' } },
    allowPositionals: true,
  });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));
  const options: PartOptions = {
    rounds: wholeNumber('--rounds', values.rounds),
    megabytes: wholeNumber('--megabytes', values.megabytes),
    folder,
  };
  await buildProduct({ minify: true });
  try {
    await runParts(report, options, positionals);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return 0;
}

await runTask(main);
