import { accessSync, constants } from 'node:fs';
import * as path from 'node:path';
import { runCommand } from '../command.ts';

const limitMs = 120_000;

/** The `code` command of an installed VS Code, or undefined. */
export function findDesktop(): string | undefined {
  const file = process.platform === 'win32' ? 'code.cmd' : 'code';
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, file);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue; // Not in this folder; the next one may have it.
    }
  }
  return undefined;
}

/** Installs the VSIX into VS Code and opens a new window on the folder. Returns why that failed, if it did. */
export async function openDesktop(code: string, vsix: string, folder: string): Promise<string | undefined> {
  console.log(`Installing the extension into VS Code (${code}) ...`);
  const steps = [
    ['--install-extension', vsix, '--force'],
    ['--new-window', folder],
  ];
  for (const args of steps) {
    // A .cmd file runs in a shell only; these arguments are paths of ours and the person's own.
    const [command, prefix] = process.platform === 'win32' ? ['cmd', ['/c', code]] : [code, []];
    const result = await runCommand(command, [...prefix, ...args], {
      timeoutMs: limitMs,
      output: 'kept',
      keepGroup: true,
    });
    if (result.exitCode === 0) continue;
    const [line = 'no output'] = result.output.trim().split('\n').slice(-1);
    return `${code} ${args[0] ?? ''} failed (${line}).`;
  }
  console.log(`VS Code is open on ${folder}.`);
  return undefined;
}
