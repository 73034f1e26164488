import type { Suite } from 'mocha';

/**
 * For a suite whose tests are the steps of one story: once a step has failed, the ones behind it in the same suite are
 * skipped, and counted as such. Mocha's own `bail` would leave out the suites of all other files, too, and count nothing.
 */
export function stepByStep(suite: Suite): void {
  let hasFailed = false;
  suite.beforeEach(function () {
    if (hasFailed) this.skip();
  });
  suite.afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
}
