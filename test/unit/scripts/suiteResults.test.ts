import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { ResultFile } from '../../vscode/results.ts';

describe('the results of a run inside VS Code', () => {
  let folder: string;
  let results: ResultFile;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'ada-results-'));
    results = new ResultFile(path.join(folder, 'results.jsonl'));
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const brokenOff = 'The run inside VS Code broke off';
  const passed = '{"kind":"passed","title":"a","durationMs":1}\n';

  it('are summed up', async () => {
    const rest = '{"kind":"failed","title":"b","message":"no"}\n{"kind":"skipped","title":"c"}\n{"kind":"end"}\n';
    await fs.writeFile(results.file, passed + rest);
    assert.deepEqual(results.totals(), { passed: 1, failed: 1, skipped: 1, failures: ['b\n    no'] });
  });

  it('count a run that broke off as a failure', async () => {
    assert.deepEqual(results.totals(), { passed: 0, failed: 1, skipped: 0, failures: [brokenOff] });
    await fs.writeFile(results.file, `${passed}{"kind":"pass`);
    assert.deepEqual(results.totals(), { passed: 1, failed: 1, skipped: 0, failures: [brokenOff] });
  });

  it('count a run without any test as a failure', async () => {
    await fs.writeFile(results.file, '{"kind":"end"}\n');
    assert.deepEqual(results.totals(), { passed: 0, failed: 1, skipped: 0, failures: [brokenOff] });
  });
});
