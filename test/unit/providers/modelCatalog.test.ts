import * as assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readSettings } from '../../../server/protocol/settings.ts';
import { Endpoints, parseModelName } from '../../../server/src/providers/endpoints.ts';
import { createModelHandlers } from '../../../server/src/providers/modelHandlers.ts';
import { ModelCatalog } from '../../../server/src/providers/modelCatalog.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { ModelServer } from '../../support/modelServer.ts';
import type { ModelScript } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { TestClient } from '../../support/testClient.ts';

describe('The catalog of models', () => {
  let server: ModelServer;
  let catalog: ModelCatalog;
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
    catalog = new ModelCatalog({
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

  it('asks again soon after a failure', async () => {
    use({ models: ['m'] });
    await catalog.list();
    clock.advance(3_001);
    await catalog.list();
    assert.equal(server.requests.length, 2, 'Ollama was not reachable');
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
