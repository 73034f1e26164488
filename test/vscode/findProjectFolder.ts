import { existsSync } from 'node:fs';
import * as path from 'node:path';

/** The repository's folder, looked for upwards from `folder`: bundled suites stand inside it. */
export function findProjectFolder(folder: string): string {
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) {
    if (existsSync(path.join(at, 'test', 'fixtures', 'faultyServers'))) return at;
  }
  throw new Error(`No repository contains ${folder}.`);
}
