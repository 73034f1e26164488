import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { eventually } from '../../support/eventually.ts';

describe('settings.json while "serve" runs', () => {
  const folder = temporaryFolder();
  const file = path.join(folder.path, 'settings.json');
  let server: HttpServer;
  let model: ModelServer;

  before(async () => {
    model = await ModelServer.start({ models: ['one', 'two'] });
    write({});
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
  });
  after(async () => {
    await server.stop();
    await model.close();
    folder.remove();
  });

  const write = (settings: object): void =>
    writeFileSync(
      file,
      JSON.stringify({
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
        'limits.apiPerMinute': 100_000,
        ...settings,
      }),
    );
  const defaultModel = async (): Promise<unknown> => (await server.call('model/list', {})).body['defaultModel'];

  it('is read again when it has changed', async () => {
    assert.equal(await defaultModel(), null);
    write({ 'model.default': 'openai-compatible/two' });
    await eventually('the model to be chosen', async () => (await defaultModel()) === 'openai-compatible/two');
    write({ 'model.default': 'openai-compatible/one' });
    await eventually('the other to be chosen', async () => (await defaultModel()) === 'openai-compatible/one');
    write({});
    await eventually('none to be chosen', async () => (await defaultModel()) === null);
  }).timeout(30_000);
});
