import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { requireCommand } from './command.ts';
import { projectFolder } from './project.ts';

/**
 * Compiles the program that stands before the pty host and before each program in a terminal on Linux; see its source.
 * Elsewhere there is nothing to build. `outputFile` belongs beside the host's bundle, as `ptyExec`.
 */
export async function buildPtyExec(outputFile: string): Promise<void> {
  if (process.platform !== 'linux') return;
  await fs.mkdir(path.dirname(outputFile), { recursive: true });
  const source = path.join(projectFolder, 'server', 'src', 'ptyHost', 'native', 'ptyExec.c');
  const compiler = process.env['CC'] ?? 'cc';
  await requireCommand('Compiling ptyExec', compiler, ['-O2', '-Wall', '-s', '-o', outputFile, source], {
    timeoutMs: 60_000,
    output: 'kept',
  });
}
