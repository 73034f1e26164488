import { parseArgs } from 'node:util';
import { resolveDataFolder } from './cli/dataFolder.ts';
import { terminalOutput } from './cli/terminalOutput.ts';
import { useCompileCache } from './compileCache.ts';
import { watchParent } from './transports/parentWatch.ts';
import { readVersion } from './version.ts';

// Before anything else is loaded: from the first moment on this process ends with the one that started it.
if (process.argv.includes('--node-ipc') || process.argv.includes('--stdio')) watchParent();

const oldestNode = 22;

if (Number(process.versions.node.split('.', 1)[0]) < oldestNode) {
  terminalOutput.tell(
    `ai-dev-assistant needs Node ${oldestNode} or newer; this is ${process.versions.node}. In a checkout, node_modules/.bin/node is new enough.\n`,
  );
  process.exit(1);
}

// The command line itself is parsed later; here the one option matters, and mistakes in others do not.
const { values } = parseArgs({ options: { 'data-dir': { type: 'string' } }, strict: false });
useCompileCache(
  resolveDataFolder(typeof values['data-dir'] === 'string' ? values['data-dir'] : undefined),
  readVersion(),
);

// A bundle of its own, so that the cache is in use when it is loaded.
import('./cli/commandLine.ts')
  .then(({ runCommandLine }) => runCommandLine(process.argv))
  .catch((error: unknown) => {
    terminalOutput.tell(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
