import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The cache of a server', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let model: ModelServer;
  let server: StdioServer;

  beforeEach(async () => {
    folder = temporaryFolder();
    model = await ModelServer.start({ models: ['cached'] });
    server = await start();
  });
  afterEach(async () => {
    await server.stop();
    await model.close();
    folder.remove();
  });

  async function start(settings: object = {}): Promise<StdioServer> {
    const started = new StdioServer(folder.path);
    await started.initialize({ settings: settingsWith(settings) });
    return started;
  }

  function settingsWith(settings: object): object {
    return {
      'providers.openaiCompatible.baseUrl': model.baseUrl,
      'providers.ollama.baseUrl': 'http://127.0.0.1:9',
      ...settings,
    };
  }

  const stats = async () => (await server.result('cache/stats', {})) as ResultOf<'cache/stats'>;
  const filesOnDisk = (): string[] => {
    const content = path.join(folder.path, 'cache/v1/models/entries');
    return existsSync(content) ? readdirSync(content).filter((name) => !name.endsWith('.tmp')) : [];
  };
  async function modelStats() {
    const found = (await stats()).namespaces.find(({ name }) => name === 'models');
    assert.ok(found);
    return found;
  }

  it('tells of each namespace how often it had the answer, and what is kept where', async () => {
    assert.deepEqual(
      (await stats()).namespaces.map(({ name, hitRate }) => [name, hitRate]),
      [
        ['models', 0],
        ['fileLists', 0],
      ],
    );
    await server.result('model/list', {});
    await server.result('model/list', {});
    const { memoryHits, misses, hitRate, entries } = await modelStats();
    assert.deepEqual([memoryHits, misses, hitRate, entries], [2, 2, 0.5, 2]);
    assert.equal(model.requests.length, 1);
    await waitFor('the list to be written', () => filesOnDisk().length === 1);
    const { enabled, memory, disk } = await stats();
    assert.deepEqual([enabled, memory.maxBytes, disk.status, disk.maxBytes], [true, 32e6, 'ready', 128e6]);
    assert.ok(memory.usedBytes > 100);
    assert.equal(disk.usedBytes, 2 * 4_096);
  });

  it('is there again after the server was killed', async () => {
    await server.result('model/list', {});
    await waitFor('the list to be written', () => filesOnDisk().length === 1);
    await server.stop();
    server = await start();
    const { models } = (await server.result('model/list', {})) as ResultOf<'model/list'>;
    assert.deepEqual(
      models.map(({ id }) => id),
      ['openai-compatible/cached'],
    );
    assert.deepEqual([model.requests.length, (await modelStats()).diskHits], [1, 1]);
  });

  it('is cleared on demand, one namespace or all, and says what was freed', async () => {
    await server.result('model/list', {});
    await waitFor('the list to be written', () => filesOnDisk().length === 1);
    assert.deepEqual(await server.result('cache/clear', { namespace: 'fileLists' }), { memoryBytes: 0, diskBytes: 0 });
    const freed = (await server.result('cache/clear', {})) as ResultOf<'cache/clear'>;
    assert.equal(freed.diskBytes, 2 * 4_096);
    assert.ok(freed.memoryBytes > 0 && freed.problem === undefined);
    assert.deepEqual([filesOnDisk().length, (await modelStats()).entries], [0, 0]);
    await server.result('model/list', {});
    assert.equal(model.requests.length, 2);
    const { error } = await server.request('cache/clear', { namespace: 'nosuch' });
    assert.equal(error?.data?.reason, 'NotFound');
  });

  it('goes on in memory where its folder cannot be used, and the health says so until it can', async () => {
    await server.stop();
    // A file where the folder should be fails for everybody, root included.
    writeFileSync(path.join(folder.path, 'cache'), 'in the way');
    server = await start();
    for (let round = 0; round < 4; round++) await server.result('model/list', { refresh: true });
    const health = async () => (await server.result('server/health', {})) as ResultOf<'server/health'>;
    await waitFor('the trouble to be told', async () => (await health()).status === 'degraded');
    assert.match((await health()).components['cacheDisk']?.message ?? '', /cache cannot use the disk \(E\w+\)/);
    await server.result('model/list', {});
    assert.ok((await modelStats()).memoryHits > 0);
    assert.equal((await stats()).disk.status, 'failed');
    assert.equal(server.stderr.match(/leaves the disk alone/g)?.length, 1, 'said once');
    rmSync(path.join(folder.path, 'cache'));
    await waitFor('the probe to find it mended', async () => (await health()).status === 'ready', 15_000);
    await server.result('model/list', { refresh: true });
    await waitFor('the list to be written', () => filesOnDisk().length === 1);
  });

  it('follows the settings: turned off it keeps nothing', async () => {
    await server.result('model/list', {});
    server.notify('settings/changed', { settings: settingsWith({ 'cache.enabled': false }) });
    await waitFor('the setting to arrive', async () => !(await stats()).enabled);
    await server.result('model/list', {});
    await server.result('model/list', {});
    assert.equal(model.requests.length, 3);
    assert.deepEqual([(await stats()).memory.usedBytes, (await stats()).disk.status], [0, 'off']);
  });
});
