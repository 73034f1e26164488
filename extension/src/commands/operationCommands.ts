import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { describeBytes } from '../describeBytes.ts';
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
  clearCache: {
    withoutServer: 'waits',
    run: async ({ client }) => {
      const freed = await client.request('cache/clear', {});
      const message = describeFreed(freed);
      if (freed.problem === undefined) void vscode.window.showInformationMessage(message);
      else void vscode.window.showWarningMessage(message);
    },
  },
} as const satisfies Record<string, CommandEntry>;

function describeFreed({ memoryBytes, diskBytes, problem }: ResultOf<'cache/clear'>): string {
  if (problem !== undefined) {
    return vscode.l10n.t(
      'The cache could not be emptied. Freed: {0} of memory, {1} on disk. {2}',
      describeBytes(memoryBytes),
      describeBytes(diskBytes),
      problem,
    );
  }
  if (memoryBytes === 0 && diskBytes === 0) return vscode.l10n.t('The cache was empty already.');
  return vscode.l10n.t(
    'The cache is empty now. Freed: {0} of memory, {1} on disk.',
    describeBytes(memoryBytes),
    describeBytes(diskBytes),
  );
}
