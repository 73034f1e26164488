import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { distFolder, projectFolder, readManifest, type Manifest } from './project.ts';

/** The platforms that VS Code knows and for which node-pty has, or compiles, its native part. */
export const vsixTargets = [
  'linux-x64',
  'linux-arm64',
  'alpine-x64',
  'alpine-arm64',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
  'win32-arm64',
] as const;

/** A platform for which a VSIX can be made. */
export type VsixTarget = (typeof vsixTargets)[number];

/** The target of the machine we are on. */
export function hostTarget(): VsixTarget {
  // A Linux without glibc is one on musl, for which VS Code has a platform of its own.
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && !report.header?.glibcVersionRuntime;
  const host = `${isMusl ? 'alpine' : process.platform}-${process.arch}`;
  const target = vsixTargets.find((candidate) => candidate === host);
  if (!target) throw new Error(`VS Code has no platform ${host}: choose --target from ${vsixTargets.join(', ')}.`);
  return target;
}

/** Where the VSIX of a target stands. */
export function vsixFile(target: VsixTarget = hostTarget()): string {
  const { name, version } = readManifest();
  return path.join(distFolder, `${name}-${target}-${version}.vsix`);
}

/**
 * Packs what is in `dist/` for one platform. The files are put together in a folder of their own first, so that the
 * package holds one platform's native parts with the right modes and a manifest without anything of development.
 */
export async function packVsix(target: VsixTarget, { quiet = false } = {}): Promise<string> {
  const stage = await fs.mkdtemp(path.join(os.tmpdir(), 'ada-package-'));
  try {
    const manifest = shippedManifest(readManifest());
    await fs.writeFile(path.join(stage, 'package.json'), JSON.stringify(manifest, null, 2));
    await copyOwnFiles(stage, target);
    await copyTerminalLibrary(stage, target);
    const packagePath = vsixFile(target);
    // Loaded only now: it takes longer to load than all the rest, and most users of this module do not pack.
    const { createVSIX } = await import('@vscode/vsce');
    const restoreLog = quiet ? silenceInformation() : undefined;
    await createVSIX({
      cwd: stage,
      packagePath,
      target,
      dependencies: true,
      allowMissingRepository: true,
      // Without a repository to point to, relative links of the README stay as they are.
      rewriteRelativeLinks: manifest['repository'] !== undefined,
    }).finally(restoreLog);
    return packagePath;
  } finally {
    await fs.rm(stage, { recursive: true, force: true });
  }
}

/** vsce lists every file through console.log, with no way to turn that off; its warnings and errors stay. */
function silenceInformation(): () => void {
  const original = console.log;
  console.log = () => undefined;
  return () => (console.log = original);
}

function shippedManifest(manifest: Manifest): Manifest {
  const development = new Set(['private', 'scripts', 'devDependencies', 'allowScripts', 'bin']);
  return Object.fromEntries(Object.entries(manifest).filter(([key]) => !development.has(key))) as Manifest;
}

async function copyOwnFiles(stage: string, target: VsixTarget): Promise<void> {
  const names = ['README.md', 'CHANGELOG.md', 'LICENSE', '.vscodeignore', 'extension/l10n', 'extension/media', 'dist'];
  const translations = (await fs.readdir(projectFolder)).filter((name) => /^package\.nls(\..+)?\.json$/.test(name));
  for (const name of [...names, ...translations]) {
    const source = path.join(projectFolder, name);
    if (!existsSync(source)) continue;
    await fs.cp(source, path.join(stage, name), {
      recursive: true,
      filter: (file) => !file.endsWith('.vsix') && !file.endsWith('.map'),
    });
  }
  // Compiled on Linux for this machine, and of no use elsewhere.
  if (target !== hostTarget()) await fs.rm(path.join(stage, 'dist', 'ptyExec'), { force: true });
}

async function copyTerminalLibrary(stage: string, target: VsixTarget): Promise<void> {
  const source = path.join(projectFolder, 'node_modules', 'node-pty');
  const destination = path.join(stage, 'node_modules', 'node-pty');
  const prebuilt = path.join('prebuilds', target);
  const hasPrebuilt = existsSync(path.join(source, prebuilt));
  if (!hasPrebuilt && target !== hostTarget()) {
    throw new Error(`node-pty is compiled on Linux: make the package for ${target} on such a machine.`);
  }
  const native = hasPrebuilt ? prebuilt : path.join('build', 'Release');
  for (const part of ['LICENSE', 'lib', native]) {
    await fs.cp(path.join(source, part), path.join(destination, part), { recursive: true });
  }
  const helper = path.join(destination, native, 'spawn-helper');
  if (existsSync(helper)) await fs.chmod(helper, 0o755);
  // What it depends on is needed for compiling only.
  const { dependencies: _compileTime, ...manifest } = JSON.parse(
    await fs.readFile(path.join(source, 'package.json'), 'utf8'),
  ) as Record<string, unknown>;
  await fs.writeFile(path.join(destination, 'package.json'), JSON.stringify(manifest, null, 2));
}
