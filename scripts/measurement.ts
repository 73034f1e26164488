import { runCommand } from './command.ts';
import { projectFolder } from './project.ts';

const hourMs = 3_600_000;

/** Runs a program of `test/performance` with the arguments of this one. The measurements live with the tests, whose parts they use. */
export async function runMeasurement(program: string): Promise<number> {
  const args = [
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    `test/performance/${program}`,
    ...process.argv.slice(2),
  ];
  const result = await runCommand(process.execPath, args, { cwd: projectFolder, timeoutMs: hourMs, output: 'shown' });
  return result.exitCode;
}
