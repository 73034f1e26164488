import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { hostPaths } from '../../ptyProtocol/hostRecord.ts';
import { ptyProtocolVersion } from '../../ptyProtocol/limits.ts';

/** The pty host as it was built or installed. */
export interface PtyHostFiles {
  /** `dist/ptyHost.js`. On Linux `ptyExec` lies beside it. */
  readonly bundleFile: string;
  /** The folder of the node-pty package. */
  readonly nodePtyFolder: string;
}

/** The staged copy: what is run instead of the installed files. */
export interface StagedPtyHost {
  readonly folder: string;
  readonly mainFile: string;
  /** Linux only: closes inherited descriptors, holds the lock, and becomes what it is given. */
  readonly execHelper: string | undefined;
}

interface StagedFile {
  /** Relative to the staged folder, with forward slashes. */
  readonly name: string;
  readonly content: Buffer;
  readonly isExecutable: boolean;
}

const isLinux = process.platform === 'linux';

/**
 * Copies the host and node-pty into the data folder, in a folder named after their content, and returns it. An update
 * may then remove the installed files, and Windows may lock the copies, while the host runs on. The folder appears
 * whole or not at all.
 */
export async function stagePtyHost(dataFolder: string, files: PtyHostFiles): Promise<StagedPtyHost> {
  const staged = await readFiles(files);
  const { folder: parent } = hostPaths(dataFolder);
  const folder = path.join(parent, `${ptyProtocolVersion}-${hashOf(staged)}`);
  if (!(await exists(folder))) await writeStaged(folder, staged);
  return {
    folder,
    mainFile: path.join(folder, 'ptyHost.js'),
    execHelper: isLinux ? path.join(folder, 'ptyExec') : undefined,
  };
}

/**
 * Removes the staged copies of this protocol version other than `current`. Only for the one whose host has just started
 * and holds the lock: then no other host of this version runs. Copies that are still locked (Windows) stay.
 */
export async function removeOtherStaged(dataFolder: string, current: string): Promise<void> {
  const { folder: parent } = hostPaths(dataFolder);
  const pattern = new RegExp(`^${ptyProtocolVersion}-[0-9a-f]{16}(\\.[0-9a-f]{12}\\.tmp)?$`);
  for (const name of await fs.readdir(parent)) {
    const folder = path.join(parent, name);
    if (!pattern.test(name) || folder === current) continue;
    // Renamed first: whoever is killed in the middle must not leave half a copy under the name of a whole one.
    const doomed = name.endsWith('.tmp') ? folder : `${folder}.${randomBytes(6).toString('hex')}.tmp`;
    if (doomed !== folder) await fs.rename(folder, doomed);
    await fs.rm(doomed, { recursive: true, force: true });
  }
}

async function readFiles({ bundleFile, nodePtyFolder }: PtyHostFiles): Promise<StagedFile[]> {
  const bundled: StagedFile[] = [
    { name: 'ptyHost.js', content: await readPart(bundleFile), isExecutable: false },
    // A package.json further up, in the home folder say, must not turn the bundle into another kind of module.
    { name: 'package.json', content: Buffer.from('{"type":"commonjs"}\n'), isExecutable: false },
  ];
  if (isLinux) {
    const helper = await readPart(path.join(path.dirname(bundleFile), 'ptyExec'));
    bundled.push({ name: 'ptyExec', content: helper, isExecutable: true });
  }
  const names = (await fs.readdir(nodePtyFolder, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
  const needed = names.filter(isNeededOfNodePty).sort();
  if (!needed.some((name) => name.endsWith('.node'))) {
    throw new Error(`node-pty has no native part for this platform; install it again with a compiler.`);
  }
  const parts = needed.map(async (name) => ({
    name: `node_modules/node-pty/${name}`,
    content: await readPart(path.join(nodePtyFolder, name)),
    isExecutable: /(?:\/spawn-helper|\.exe)$/.test(name),
  }));
  return [...bundled, ...(await Promise.all(parts))];
}

/** Its scripts and this platform's native parts; not its sources, debug symbols, tests and other platforms. */
function isNeededOfNodePty(name: string): boolean {
  if (name === 'package.json') return true;
  if (/^lib\/.*\.js$/.test(name)) return !name.endsWith('.test.js');
  const isNative = /\.(?:node|exe|dll)$|\/spawn-helper$/.test(name);
  const prebuilds = `prebuilds/${process.platform}-${process.arch}/`;
  return isNative && (name.startsWith('build/Release/') || name.startsWith(prebuilds));
}

async function readPart(file: string): Promise<Buffer> {
  try {
    return await fs.readFile(file);
  } catch (error) {
    throw new Error(`The pty host is not complete: ${path.basename(file)} cannot be read; build or install again.`, {
      cause: error,
    });
  }
}

function hashOf(staged: readonly StagedFile[]): string {
  const hash = createHash('sha256');
  for (const { name, content } of staged) hash.update(`${name} ${content.length}\n`).update(content);
  return hash.digest('hex').slice(0, 16);
}

async function writeStaged(folder: string, staged: readonly StagedFile[]): Promise<void> {
  const temporary = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    for (const { name, content, isExecutable } of staged) {
      const file = path.join(temporary, name);
      await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await fs.writeFile(file, content, { mode: isExecutable ? 0o700 : 0o600, flush: true });
    }
    await fs.rename(temporary, folder);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    // Another process was first; the name is made from the content, so its copy is as good.
    if (!(await exists(folder))) throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await fs.access(file);
    return true;
  } catch {
    // Whatever keeps us from seeing it will be reported when we write it.
    return false;
  }
}
