import Mocha from 'mocha';
import { failureText, writeTotals } from '../../scripts/totals.ts';

/** Mocha's usual report, which also leaves the totals in a file. A failing hook counts as a failed test. */
export class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const reasons: string[] = [];
    runner.on('fail', (test, error: unknown) => {
      reasons.push(
        failureText(test.fullTitle(), error instanceof Error ? (error.stack ?? error.message) : String(error)),
      );
    });
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      writeTotals({ passed: passes, failed: failures, skipped: pending, failures: reasons });
    });
  }
}

// Mocha takes a reporter from a module's default export.
export { TotalsReporter as default };
