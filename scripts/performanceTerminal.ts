import { runCommand, runTask } from './command.ts';
import { projectFolder } from './project.ts';

const hourMs = 3_600_000;

/** The measurements live with the tests, whose support they use. */
await runTask(async () => {
  const args = [
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    'test/performance/terminal/terminalPerformance.ts',
    ...process.argv.slice(2),
  ];
  const result = await runCommand(process.execPath, args, { cwd: projectFolder, timeoutMs: hourMs, output: 'shown' });
  return result.exitCode;
});
