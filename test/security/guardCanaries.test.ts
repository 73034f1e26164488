import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../../scripts/project.ts';
import { CanaryCopy } from '../support/canaryCopy.ts';
import { guardCanaries } from './canaries/guardCanaries.ts';

/** Each takes a second or more, so that all of them are run only where the suite is asked for by its name. */
const everyNth = process.env['GUARD_CANARIES'] === 'all' ? 1 : 8;
const chosen = guardCanaries.filter((_, index) => index % everyNth === 0);

describe('With a guard taken out', function () {
  this.timeout(120_000);
  let copy: CanaryCopy;

  before(() => {
    copy = new CanaryCopy(['test/integration', 'test/security', 'webview-ui', 'extension', 'tsconfig.json']);
  });
  after(() => copy.remove());

  it('each of them can be taken out, since it stands in its file once', () => {
    for (const { file, guard } of guardCanaries) {
      const text = readFileSync(path.join(projectFolder, file), 'utf8');
      assert.equal(text.split(guard).length - 1, 1, `${guard} in ${file}`);
    }
  });

  it('none of its tests fails while it is there', async () => {
    const files = [...new Set(chosen.filter(({ isBundled }) => isBundled !== true).map(({ tests }) => tests))];
    assert.deepEqual(await copy.failures(files, ''), []);
  });

  for (const { tests, grep, ...canary } of chosen) {
    it(`a test fails: ${canary.guard.split('\n', 1)[0] ?? ''} of ${path.basename(canary.file)}`, async () => {
      // Of those that need a bundle only the tests that count are run whole, since they take long.
      if (canary.isBundled === true) assert.deepEqual(await copy.failures([tests], grep), [], 'with the guard');
      assert.notDeepEqual(await copy.failuresWithout(canary, tests, grep), []);
    });
  }
});
