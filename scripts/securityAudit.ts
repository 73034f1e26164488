import { runTask } from './command.ts';
import { runTestProgram } from './measurement.ts';

const limitMs = 10 * 60_000;

await runTask(() => runTestProgram('security/audit/main.ts', limitMs));
