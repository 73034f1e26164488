import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '../../scripts/project.ts';
import { temporaryFolder } from './temporaryFolder.ts';

const run = promisify(execFile);
/** The report of some hundred tests. */
const maxOutputBytes = 16 * 1024 * 1024;
const copied = ['server', 'scripts', 'test/support', 'test/unit', 'package.json', '.mocharc.json'];

/** A guard, and what stands in its place where somebody has taken it out. */
export interface Canary {
  /** Relative to the repository. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly guard: string;
  readonly without: string;
  /** The tests run what is bundled, the server or the panel, which is then made without the guard. */
  readonly isBundled?: boolean;
}

/** Short, since sockets are made in it. */
const temporary = 't';

/** What `dist/` of a copy has of its own, since it is made anew: the server's code, what starts it from beside it, the views. */
const ownBundles = ['commandLine.js', 'server.js', 'webview'];

/** A copy of the sources in which a guard can be taken out, to see that a test notices. The owner calls `remove`. */
export class CanaryCopy {
  private readonly folder = temporaryFolder();

  /** `more` are further files and folders that the tests need. */
  constructor(more: readonly string[] = []) {
    for (const part of [...copied, ...more]) {
      cpSync(path.join(projectFolder, part), path.join(this.folder.path, part), { recursive: true });
    }
    mkdirSync(path.join(this.folder.path, temporary));
    symlinkSync(path.join(projectFolder, 'node_modules'), path.join(this.folder.path, 'node_modules'), 'dir');
    const [from, to] = [projectFolder, this.folder.path].map((folder) => path.join(folder, 'dist'));
    assert.ok(from !== undefined && to !== undefined);
    mkdirSync(to);
    for (const name of readdirSync(from)) {
      if (ownBundles.includes(name)) cpSync(path.join(from, name), path.join(to, name), { recursive: true });
      else if (!name.endsWith('.map')) symlinkSync(path.join(from, name), path.join(to, name));
    }
  }

  remove(): void {
    this.folder.remove();
  }

  /** Which of the tests in `files` whose name holds `grep` fail, by their names. */
  async failures(files: readonly string[], grep: string): Promise<string[]> {
    const mocha = path.join(projectFolder, 'node_modules/mocha/bin/mocha.js');
    const args = [mocha, '--reporter', 'json', '--grep', grep, ...files];
    const { stdout } = await run(process.execPath, args, {
      cwd: this.folder.path,
      maxBuffer: maxOutputBytes,
      // A test that fails in its preparations may leave its folder.
      env: { ...process.env, TMPDIR: path.join(this.folder.path, temporary) },
    }).catch((error: unknown) => error as { stdout: string });
    const { stats, failures } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
      stats: { tests: number };
      failures: { fullTitle: string }[];
    };
    assert.ok(stats.tests > 0, `no test of ${files.join(', ')} is named "${grep}"`);
    return failures.map(({ fullTitle }) => fullTitle);
  }

  /** As `failures`, with the guard taken out. */
  async failuresWithout(canary: Canary, tests: string, grep: string): Promise<string[]> {
    const use = () => this.failures([tests], grep);
    if (canary.isBundled !== true) return this.without(canary, use);
    const name = canary.file.startsWith('webview-ui/') ? 'webview/agentPanel' : 'commandLine';
    try {
      return await this.without(canary, () => this.bundle(name).then(use));
    } finally {
      await this.bundle(name);
    }
  }

  /** Makes the server with the guard taken out, and gives its program. It holds until another one is made. */
  serverWithout(canary: Canary): Promise<string> {
    return this.without(canary, async () => {
      await this.bundle('commandLine');
      return path.join(this.folder.path, 'dist', 'server.js');
    });
  }

  private async without<T>({ file, guard, without }: Canary, use: () => Promise<T>): Promise<T> {
    const source = path.join(this.folder.path, file);
    const original = readFileSync(source, 'utf8');
    assert.equal(original.split(guard).length, 2, `${guard} stands in ${file} once`);
    writeFileSync(
      source,
      original.replace(guard, () => without),
    );
    try {
      return await use();
    } finally {
      writeFileSync(source, original);
    }
  }

  /** Makes a bundle of this copy anew. Nothing else in `dist/` is written, which is not the copy's own. */
  private async bundle(name: string): Promise<void> {
    await run(process.execPath, ['scripts/build.ts', name], { cwd: this.folder.path });
  }
}
