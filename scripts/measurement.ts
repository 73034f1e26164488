import { runCommand } from './command.ts';
import { projectFolder } from './project.ts';

const hourMs = 3_600_000;

/** Runs a program of `test/performance` with the arguments of this one. The measurements live with the tests, whose parts they use. */
export function runMeasurement(program: string): Promise<number> {
  return runTestProgram(`performance/${program}`, hourMs);
}

/** Runs a program of `test` with the arguments of this one, and gives its exit code. */
export async function runTestProgram(program: string, timeoutMs: number): Promise<number> {
  const args = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', `test/${program}`, ...process.argv.slice(2)];
  const result = await runCommand(process.execPath, args, { cwd: projectFolder, timeoutMs, output: 'shown' });
  return result.exitCode;
}
