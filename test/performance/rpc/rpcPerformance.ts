import { parseArgs } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { runTask } from '../../../scripts/command.ts';
import { runParts, wholeNumber, type PartsReport } from '../partsReport.ts';
import { parts, type PartOptions } from './parts.ts';

const report: PartsReport<PartOptions> = {
  name: 'performance-rpc',
  title: 'Performance of calls',
  introduction: [
    'Written by `npm run performance:rpc`. Ours is the whole chain of the built server: transport, door, authorization, limits (raised in',
    '`settings.json`), validation, handler, validation, answer; the call is `server/health`. The peers run in turn with ours in each round,',
    'beside the same terminals. Medians of the rounds, with the smallest and the largest; the ratio is the median of the ratios of the',
    'rounds. Timings depend on the machine and on what else it does; what counts is the ratio. A busy terminal prints a line every 10 ms, a',
    'flooding one without end. Over IPC and stdio their output comes to the client that calls, on the same channel; at the door another',
    'process watches them. The bare peers carry no terminals. Echoing a text parses nothing, so that the peer of WebSocket is the floor of',
    'the library, not of JSON-RPC. On its way to the first of many WebSockets the output passes a terminal and its host, a notification',
    'a change there; the peer sends on at once. What is told to many is to be compared from the first to the last.',
  ],
  parts,
};

/** Measures calls beside their peers and writes the report; with names of parts, only prints those. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string', default: '5' } },
    allowPositionals: true,
  });
  const rounds = wholeNumber('--rounds', values.rounds);
  await buildProduct({ minify: true });
  await runParts(report, { rounds }, positionals);
  return 0;
}

await runTask(main);
