import { watchParent } from './transports/parentWatch.ts';

// Before anything else is loaded: from the first moment on this process ends with the one that started it.
if (process.argv.includes('--node-ipc') || process.argv.includes('--stdio')) watchParent();

const oldestNode = 22;

if (Number(process.versions.node.split('.', 1)[0]) < oldestNode) {
  process.stderr.write(
    `ai-dev-assistant needs Node ${oldestNode} or newer; this is ${process.versions.node}. In a checkout, node_modules/.bin/node is new enough.\n`,
  );
  process.exit(1);
}

import('./cli/commandLine.ts')
  .then(({ runCommandLine }) => runCommandLine(process.argv))
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
