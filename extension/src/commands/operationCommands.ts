import type { CommandEntry } from './commandEntry.ts';

/** Commands about the server itself. */
export const operationCommands = {
  showLog: {
    withoutServer: 'works',
    run: ({ log }) => log.show(),
  },
  restartServer: {
    withoutServer: 'works',
    run: ({ supervisor }) => supervisor.restart(),
  },
} as const satisfies Record<string, CommandEntry>;
