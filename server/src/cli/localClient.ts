import * as path from 'node:path';
import { statSync } from 'node:fs';
import { CodedError } from '../../protocol/errors.ts';
import type { InitializationOptions } from '../../protocol/server.ts';
import { contractVersion } from '../../protocol/version.ts';

/** What the command line says of itself where an editor would: a folder that was named counts as trusted. */
export function localHandshake(workspace: string | undefined, settings: unknown): InitializationOptions {
  const folder = workspace === undefined ? undefined : path.resolve(workspace);
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CodedError('InvalidCwd', `There is no folder ${folder}. Name one that exists with --workspace.`);
  }
  return {
    contractVersion,
    correlationId: `startup-${Date.now().toString(36)}-local`,
    workspace: {
      folders: folder === undefined ? [] : [{ path: folder, name: path.basename(folder) }],
      trusted: folder !== undefined,
    },
    settings: settings as Record<string, unknown>,
    restarts: 0,
  };
}
