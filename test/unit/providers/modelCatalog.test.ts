import * as assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { readSettings } from '../../../server/protocol/settings.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { Endpoints, parseModelName } from '../../../server/src/providers/endpoints.ts';
import { createModelHandlers } from '../../../server/src/providers/modelHandlers.ts';
import { ModelCatalog } from '../../../server/src/providers/modelCatalog.ts';
import type { CacheService } from '../../../server/src/cache/cacheService.ts';
import { listingNamespace } from '../../../server/src/providers/listingCache.ts';
import { createCache } from '../../support/memoryCache.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { ModelServer } from '../../support/modelServer.ts';
import type { ModelScript } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { TestClient } from '../../support/testClient.ts';

describe('The catalog of models', () => {
  let server: ModelServer;
  let catalog: ModelCatalog;
  let cache: CacheService;
  let clock: FakeClock;
  let settings: Record<string, unknown>;
  let secrets: Record<string, string>;
  let told: string[];
  const others: Server[] = [];

  beforeEach(async () => {
    server = await ModelServer.start();
    clock = new FakeClock();
    secrets = {};
    told = [];
    // Nothing listens on port 9.
    settings = { 'providers.ollama.baseUrl': 'http://127.0.0.1:9' };
    const source = { get: (key: string) => readSettings(settings).settings[key as 'model.default'] } as never;
    cache = createCache({ clock });
    catalog = new ModelCatalog({
      cache: cache.namespace(listingNamespace),
      endpoints: new Endpoints(source, { get: (name) => Promise.resolve(secrets[name] ?? null) }),
      settings: source,
      fetch: globalThis.fetch,
      broadcaster: { notifyAll: (method) => told.push(method) },
      clock,
      logger: recordingLogger().logger,
    });
  });

  afterEach(async () => {
    catalog.dispose();
    await cache.close();
    await server.close();
    for (const other of others.splice(0)) {
      other.closeAllConnections();
      await new Promise((resolve) => other.close(resolve));
    }
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  function use(script: ModelScript, provider: 'openai' | 'ollama' | 'openaiCompatible' = 'openaiCompatible'): void {
    server.play(script);
    settings[`providers.${provider}.baseUrl`] = provider === 'ollama' ? server.origin : server.baseUrl;
  }

  async function statusOf(id: string): Promise<{ status: string; message?: string | undefined }> {
    const found = (await catalog.status(true)).find((status) => status.id === id);
    assert.ok(found);
    return found;
  }

  it('lists the models of Ollama and of an endpoint, and has no default where there are several', async () => {
    use({ models: ['qwen', 'org/llama'], ollamaModels: ['qwen3-coder:latest'] });
    use({ models: ['qwen', 'org/llama'], ollamaModels: ['qwen3-coder:latest'] }, 'ollama');
    const { models, defaultModel } = await catalog.list();
    assert.deepEqual(
      models.map(({ id }) => id),
      ['ollama/qwen3-coder:latest', 'openai-compatible/qwen', 'openai-compatible/org/llama'],
    );
    assert.equal(defaultModel, null);
  });

  it('takes the only model there is as the default, and the one in the settings before it', async () => {
    use({ models: ['only'] });
    assert.equal((await catalog.list()).defaultModel, 'openai-compatible/only');
    settings['model.default'] = 'ollama/other';
    assert.equal((await catalog.list()).defaultModel, 'ollama/other');
  });

  it('says of each provider what to do before it can be used', async () => {
    assert.match((await statusOf('openai')).message ?? '', /Set an API key for OpenAI/);
    assert.equal((await statusOf('openai')).status, 'needsKey');
    assert.equal((await statusOf('openai-compatible')).status, 'needsEndpoint');
    const ollama = await statusOf('ollama');
    assert.equal(ollama.status, 'unreachable');
    assert.match(ollama.message ?? '', /Install Ollama .* and start it/);
  });

  it('sends the key, and tells a missing key from a wrong one', async () => {
    use({ apiKey: 'right', models: ['m'] }, 'openai');
    assert.equal((await statusOf('openai')).status, 'needsKey');
    secrets['providers.openai.apiKey'] = 'wrong';
    const rejected = await statusOf('openai');
    assert.equal(rejected.status, 'rejected');
    assert.doesNotMatch(rejected.message ?? '', /wrong/);
    secrets['providers.openai.apiKey'] = 'right';
    assert.equal((await statusOf('openai')).status, 'ready');
  });

  it('says that Ollama has no model yet', async () => {
    use({ ollamaModels: [] }, 'ollama');
    assert.match((await statusOf('ollama')).message ?? '', /ollama pull/);
  });

  it('is not taken in by a server that is something else', async () => {
    const answers: Record<string, string> = {
      'a web page': '<html></html>',
      'other JSON': '{"hello": true}',
      'deep JSON': '['.repeat(100_000),
      'a giant': `{"data": [${'{"id": "x"},'.repeat(500_000)}{"id": "y"}]}`,
    };
    for (const [what, body] of Object.entries(answers)) {
      settings['providers.openaiCompatible.baseUrl'] = await serve((_request, response) => response.end(body));
      const { status, message } = await statusOf('openai-compatible');
      assert.equal(status, 'unreachable', what);
      assert.ok((message ?? '').length > 20, what);
    }
  });

  it('waits no longer than five seconds for a server that does not answer', async function () {
    this.timeout(10_000);
    settings['providers.openaiCompatible.baseUrl'] = await serve(() => undefined);
    const startedAt = performance.now();
    assert.match((await statusOf('openai-compatible')).message ?? '', /no answer in time/);
    assert.ok(performance.now() - startedAt < 7_000);
  });

  it('remembers an answer for a while, and asks once for many at a time', async () => {
    use({ models: ['m'] });
    use({ models: ['m'], ollamaModels: ['o'] }, 'ollama');
    const requests = () => server.requests.length;
    await Promise.all([catalog.list(), catalog.status(), catalog.list()]);
    assert.equal(requests(), 2);
    await catalog.list();
    assert.equal(requests(), 2);
    clock.advance(60_001);
    await catalog.list();
    assert.equal(requests(), 4);
    await catalog.list(true);
    assert.equal(requests(), 6);
  });

  it('asks again soon after a failure, and only the provider that failed', async () => {
    use({ ollamaModels: ['o'] }, 'ollama');
    let failures = 0;
    settings['providers.openaiCompatible.baseUrl'] = await serve((_request, response) => {
      failures += 1;
      response.end('no list');
    });
    await catalog.list();
    clock.advance(2_999);
    await catalog.list();
    assert.deepEqual([failures, server.requests.length], [1, 1]);
    clock.advance(2);
    await catalog.list();
    assert.deepEqual([failures, server.requests.length], [2, 1]);
  });

  it('shows an old list at once, and tells the clients when the new one differs', async () => {
    use({ models: ['m'] });
    await catalog.list();
    clock.advance(61_000);
    server.play({ models: ['n'] });
    assert.equal((await catalog.known(1_000)).models[0]?.id, 'openai-compatible/m');
    await waitFor('the word that the models changed', () => told.includes('model/changed'));
    assert.equal((await catalog.list()).models[0]?.id, 'openai-compatible/n');
  });

  it('forgets and tells the clients when settings or keys change, also during a request', async () => {
    use({ models: ['m'] });
    const early = catalog.list();
    server.play({ models: ['n'] });
    catalog.invalidate();
    assert.deepEqual(told, ['model/changed']);
    await early;
    assert.equal((await catalog.list()).models[0]?.id, 'openai-compatible/n');
  });

  it('asks again for another key of the same address, and writes neither key nor password to disk', async () => {
    const folder = temporaryFolder();
    try {
      const openCatalog = () => {
        const onDisk = createCache({ folder: folder.path });
        const source = { get: (key: string) => readSettings(settings).settings[key as 'model.default'] } as never;
        return {
          onDisk,
          reopened: new ModelCatalog({
            cache: onDisk.namespace(listingNamespace),
            endpoints: new Endpoints(source, { get: (name) => Promise.resolve(secrets[name] ?? null) }),
            settings: source,
            fetch: globalThis.fetch,
            broadcaster: { notifyAll: () => undefined },
            clock: systemClock,
            logger: recordingLogger().logger,
          }),
        };
      };
      const listWith = async (key: string): Promise<number> => {
        secrets['providers.openaiCompatible.apiKey'] = key;
        const { onDisk, reopened } = openCatalog();
        await reopened.list();
        reopened.dispose();
        await onDisk.close();
        return server.requests.length;
      };
      use({ models: ['m'] });
      assert.equal(await listWith('first-secret'), 1);
      assert.equal(await listWith('first-secret'), 1, 'the list was on disk');
      assert.equal(await listWith('second-secret'), 2, 'another key may see other models');
      settings['providers.openaiCompatible.baseUrl'] = server.baseUrl.replace('http://', 'http://me:password@');
      await listWith('first-secret');
      const written = filesBelow(folder.path).map((file) => readFileSync(file, 'utf8'));
      assert.ok(written.some((text) => text.includes('openai-compatible/m')));
      for (const text of written) assert.doesNotMatch(text, /secret|password/);
    } finally {
      folder.remove();
    }
  });

  it('gives what is known where an answer takes too long', async () => {
    settings['providers.openaiCompatible.baseUrl'] = await serve(() => undefined);
    const known = catalog.known(1_000);
    clock.advance(1_000);
    assert.deepEqual(await known, { models: [], defaultModel: null });
  });

  it('answers the methods of the contract', async () => {
    use({ models: ['m'] });
    const handlers = createModelHandlers(catalog);
    const context = { client: new TestClient(), signal: new AbortController().signal, correlationId: 'test' };
    const list = await handlers['model/list']({ refresh: false }, context);
    assert.deepEqual(list.models, [{ id: 'openai-compatible/m', name: 'm', provider: 'openai-compatible' }]);
    const { providers } = await handlers['model/status']({ refresh: false }, context);
    assert.deepEqual(
      providers.map(({ id }) => id),
      ['openai', 'ollama', 'openai-compatible'],
    );
  });

  it('takes names of models apart at the first slash', () => {
    assert.deepEqual(parseModelName('openai-compatible/org/model'), {
      provider: 'openai-compatible',
      model: 'org/model',
    });
    for (const name of ['', '/', 'openai', 'openai/', '/gpt', 'nowhere/model', '__proto__/x']) {
      assert.equal(parseModelName(name), undefined, name);
    }
  });

  async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
    const other = createServer(answer as never);
    others.push(other);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  }
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
