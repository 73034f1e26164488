import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The folder of the repository. */
export const projectFolder = path.resolve(import.meta.dirname, '..');

/** Where the bundles and the VSIX stand. */
export const distFolder = path.join(projectFolder, 'dist');

/** Where tests leave logs and pictures; never committed. */
export const testOutputFolder = path.join(projectFolder, 'test-output');

/** What the scripts need to know of package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly publisher: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Reads package.json of the repository. */
export function readManifest(): Manifest {
  return JSON.parse(readFileSync(path.join(projectFolder, 'package.json'), 'utf8')) as Manifest;
}

/** The folder for downloads that outlive a checkout: a VS Code server, and the state of workbenches opened with it. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['AI_DEV_ASSISTANT_CACHE'];
  if (own) return path.resolve(own);
  const shared = environment['XDG_CACHE_HOME'];
  // The specification of the XDG base folders says that a relative path is to be ignored.
  const base = shared && path.isAbsolute(shared) ? shared : path.join(os.homedir(), '.cache');
  return path.join(base, 'ai-dev-assistant');
}

/** One bundle's or package's size as a person reads it. */
export function formatBytes(bytes: number): string {
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(2)} MB`;
}
