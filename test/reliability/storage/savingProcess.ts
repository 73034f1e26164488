import { readFileSync, writeSync } from 'node:fs';
import initSqlJs from 'sql.js';
import { nodeFileSystem } from '../../../server/src/base/fileSystem.ts';
import { createLogger } from '../../../server/src/base/logger.ts';
import { IndexEngine } from '../../../server/src/storage/index/indexEngine.ts';

/** Saves the index again and again until it is killed, and says so each time. Arguments: data folder, WebAssembly. */
const [dataFolder = '', wasmFile = ''] = process.argv.slice(2);
const logger = createLogger((_level, line) => writeSync(2, `${line}\n`), 'warn');
const sqlJs = await initSqlJs({ wasmBinary: new Uint8Array(readFileSync(wasmFile)).buffer });
const engine = await IndexEngine.open({ dataFolder, fileSystem: nodeFileSystem, sqlJs, logger });
await engine.catchUp(() => undefined);
for (;;) {
  writeSync(1, 'saving\n');
  await engine.save(() => undefined);
  writeSync(1, 'saved\n');
}
