import * as assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { ShownTerminals } from '../../../extension/src/terminals/shownTerminals.ts';

describe('The memory of the terminals that a window shows', () => {
  let folder: string;
  const workspace = (...paths: string[]) => ({
    folders: paths.map((one) => ({ path: one, name: one })),
    trusted: true,
  });

  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'ada-shown-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('holds what was written last, whoever reads it, and tells windows apart by their folders', async () => {
    const memory = new ShownTerminals(folder, workspace('/a', '/b'));
    assert.deepEqual(await memory.read(), { shown: [], front: '' });
    const writes = [1, 2, 3].map((count) => memory.write({ shown: Array<string>(count).fill('id'), front: 'id' }));
    await Promise.all(writes);
    const same = new ShownTerminals(folder, workspace('/b', '/a'));
    assert.deepEqual(await same.read(), { shown: ['id', 'id', 'id'], front: 'id' });
    const other = new ShownTerminals(folder, workspace('/a'));
    assert.deepEqual(await other.read(), { shown: [], front: '' });
    assert.equal(readdirSync(path.join(folder, 'shownTerminals')).length, 1, 'a temporary file is left');
  });

  it('is empty where its file is damaged', async () => {
    const memory = new ShownTerminals(folder, workspace('/a'));
    await memory.write({ shown: ['id'], front: '' });
    const [file] = readdirSync(path.join(folder, 'shownTerminals'));
    for (const content of ['', '{"shown": [1, "x"', 'null', '{"shown": 4, "front": []}']) {
      writeFileSync(path.join(folder, 'shownTerminals', file!), content);
      assert.deepEqual(await memory.read(), { shown: [], front: '' }, content);
    }
  });
});
