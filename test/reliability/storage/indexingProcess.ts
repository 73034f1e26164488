import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { ConversationIndex } from '../../../server/src/storage/index/conversationIndex.ts';

/**
 * Opens the index at a line on stdin, says how many hits a word has, and ends at the next line. Arguments: data folder,
 * the thread's file, sql.js's WebAssembly, the word.
 */
const [dataFolder = '', workerFile = '', wasmFile = '', word = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const quiet = { onProgress: () => undefined, onTrouble: () => undefined };
const index = new ConversationIndex({ dataFolder, workerFile, wasmFile, clock: systemClock, logger, ...quiet });
// The index alone keeps no process alive.
const alive = setInterval(() => undefined, 1_000);
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
for (let isDone = false; !isDone;) {
  // Ten processes on one or two cores may take long; a person too would ask again when told that it is not complete.
  const { result, isComplete } = await index.search(word, 500, undefined);
  if (isComplete) writeSync(1, `found ${result.length}\n`);
  else await sleep(50);
  isDone = isComplete;
}
await once(process.stdin, 'data');
await index.dispose();
clearInterval(alive);
process.stdin.destroy();
