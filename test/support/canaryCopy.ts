import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '../../scripts/project.ts';
import { temporaryFolder } from './temporaryFolder.ts';

const run = promisify(execFile);
const copied = ['server', 'scripts', 'test/support', 'test/unit', 'package.json', '.mocharc.json'];

/** A guard, and what stands in its place where somebody has taken it out. */
export interface Canary {
  /** Relative to the repository. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly guard: string;
  readonly without: string;
}

/** A copy of the sources in which a guard can be taken out, to see that a test notices. The owner calls `remove`. */
export class CanaryCopy {
  private readonly folder = temporaryFolder();

  /** `more` are further files and folders that the tests need. */
  constructor(more: readonly string[] = []) {
    for (const part of [...copied, ...more]) {
      cpSync(path.join(projectFolder, part), path.join(this.folder.path, part), { recursive: true });
    }
    for (const part of ['node_modules', 'dist']) {
      symlinkSync(path.join(projectFolder, part), path.join(this.folder.path, part), 'dir');
    }
  }

  remove(): void {
    this.folder.remove();
  }

  /** How many of the tests in `file` whose name holds `grep` fail. */
  async failures(file: string, grep: string): Promise<number> {
    const mocha = path.join(projectFolder, 'node_modules/mocha/bin/mocha.js');
    const args = [mocha, '--reporter', 'json', '--grep', grep, file];
    const { stdout } = await run(process.execPath, args, { cwd: this.folder.path }).catch(
      (error: unknown) => error as { stdout: string },
    );
    const { stats } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { stats: { tests: number; failures: number } };
    assert.ok(stats.tests > 0, `no test of ${file} is named "${grep}"`);
    return stats.failures;
  }

  /** As `failures`, with the guard taken out. */
  async failuresWithout({ file, guard, without }: Canary, tests: string, grep: string): Promise<number> {
    const source = path.join(this.folder.path, file);
    const original = readFileSync(source, 'utf8');
    assert.equal(original.split(guard).length, 2, `${guard} stands in ${file} once`);
    writeFileSync(
      source,
      original.replace(guard, () => without),
    );
    try {
      return await this.failures(tests, grep);
    } finally {
      writeFileSync(source, original);
    }
  }
}
