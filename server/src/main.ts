import { watchParent } from './transports/parentWatch.ts';

// Before anything else is loaded: from the first moment on this process ends with the one that started it.
if (process.argv.includes('--node-ipc') || process.argv.includes('--stdio')) watchParent();

import('./cli/commandLine.ts')
  .then(({ runCommandLine }) => runCommandLine(process.argv))
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
