import { readFileSync } from 'node:fs';
import * as path from 'node:path';

/** Folder of the bundles: what is started as a process or a worker of its own stands beside this file. */
export const bundleFolder = __dirname;

/** The product's version, from the package that the bundles are part of. */
export function readVersion(): string {
  const text = readFileSync(path.join(bundleFolder, '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
