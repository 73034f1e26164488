import Mocha from 'mocha';
import { writeTotals } from '../../scripts/totals.ts';

/** Mocha's usual report, which also leaves the totals in a file. A failing hook counts as a failed test. */
export class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      writeTotals({ passed: passes, failed: failures, skipped: pending });
    });
  }
}

// Mocha takes a reporter from a module's default export.
export { TotalsReporter as default };
