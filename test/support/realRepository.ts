import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../../scripts/project.ts';

/**
 * Puts a real, unmodified open-source package with tests of its own into `folder`, as a git repository with one commit:
 * sprintf-js 1.0.3 (BSD-3-Clause), whose `npm test` runs mocha.
 */
export function makeRealRepository(folder: string): void {
  const installed = path.join(projectFolder, 'node_modules');
  cpSync(path.join(installed, 'sprintf-js'), folder, { recursive: true });
  // Its development dependency, as after an npm install.
  mkdirSync(path.join(folder, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(path.join(installed, 'mocha', 'bin', 'mocha.js'), path.join(folder, 'node_modules', '.bin', 'mocha'));
  const identity = ['-c', 'user.name=A Person', '-c', 'user.email=person@example.invalid'];
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder });
  git('init', '-q');
  appendFileSync(path.join(folder, '.git', 'info', 'exclude'), 'node_modules\n');
  git('add', '-A');
  git(...identity, 'commit', '-q', '-m', 'sprintf-js 1.0.3');
}
