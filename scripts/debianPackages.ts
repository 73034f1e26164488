import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { requireCommand } from './command.ts';
import { cacheFolder } from './project.ts';
import { runExclusively } from './workbench/exclusiveWork.ts';

const installLimitMs = 10 * 60_000;

/** Whether packages may be installed without asking anybody: root on a Debian or Ubuntu. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** What to install, and how to know that another process has done so meanwhile. */
export interface PackageInstallation {
  readonly packages: readonly string[];
  readonly isDone: () => boolean;
  readonly report: (line: string) => void;
}

/** Installs packages with apt-get, one process at a time. Throws with apt-get's own words when it fails. */
export async function installPackages({ packages, isDone, report }: PackageInstallation): Promise<void> {
  await runExclusively({
    lockFile: path.join(cacheFolder(), 'packages.lock'),
    waitMs: installLimitMs,
    onWait: () => report('Another process is installing packages: waiting for it ...'),
    work: async () => {
      if (isDone()) return;
      report(`Installing ${packages.join(', ')} with apt-get ...`);
      await aptGet('update', '-qq');
      await aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
    },
  });
}

async function aptGet(...args: string[]): Promise<void> {
  await requireCommand(`apt-get ${args[0] ?? ''}`, 'apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeoutMs: installLimitMs,
    output: 'kept',
  });
}
