import { runTask } from './command.ts';
import { runMeasurement } from './measurement.ts';

await runTask(() => runMeasurement('rpc/rpcPerformance.ts'));
