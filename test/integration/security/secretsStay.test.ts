import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { calls, says } from '../../support/modelScript.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';

/** Looks like no provider's key, so that nothing but knowing it can keep it back. */
const key = 'plainWordsThatAreAKey0123456789';

/** Every file below `folder`, as its bytes are. */
function filesBelow(folder: string): { readonly file: string; readonly text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file: path.relative(folder, file), text: readFileSync(file, 'latin1') }));
}

describe('A key of the person', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;
  let work: string;
  let model: ModelServer;

  beforeEach(async () => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data');
    work = path.join(realpathSync(folder.path), 'work');
    mkdirSync(work);
    model = await ModelServer.start({ models: ['test-model'], apiKey: key });
  });
  afterEach(async () => {
    await model.close();
    endPtyHostsOf(dataFolder);
    await waitFor('the pty host to end', () => ptyHostsOf(dataFolder).length === 0);
    folder.remove();
  });

  it('crosses the wire when the server asks for it, and is in no other message, file or log line', async () => {
    const wire: { readonly id?: number; readonly method?: string }[] = [];
    let log = '';
    const window = await WindowServer.start(dataFolder, {
      settings: { 'providers.ollama.baseUrl': 'http://127.0.0.1:9', 'log.level': 'trace' },
      workspace: { folders: [{ path: work, name: 'work' }], trusted: true },
    });
    window.onWire = (message) => wire.push(message as (typeof wire)[number]);
    window.onLog = (text) => (log += text);
    window.secrets.set('providers.openaiCompatible.apiKey', key);
    window.onNotification = ({ method, params }) => {
      if (method !== 'session/update' || params.update.sessionUpdate !== 'permission_requested') return;
      const { requestId } = params.update;
      void window.call('session/answer_permission', { sessionId, requestId, optionId: 'allow_once' });
    };
    window.notify('settings/changed', {
      settings: {
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
        'model.default': 'openai-compatible/test-model',
        'log.level': 'trace',
      },
    });
    const { sessionId } = await window.call('session/new', { cwd: work });
    await window.call('session/attach', { sessionId });
    const prompt = (text: string) => window.call('session/prompt', { sessionId, prompt: [{ type: 'text', text }] });
    model.willReply(
      calls({ id: 'a', name: 'run_command', arguments: { command: 'env; cat /proc/$PPID/environ | tr "\\0" "\\n"' } }),
      says('Done.'),
    );
    assert.equal((await prompt('look around')).stopReason, 'end_turn');
    // An endpoint that says in its errors what it was sent.
    model.willReply({ status: 400, body: { error: { message: `You sent Authorization: Bearer ${key}` } } });
    await assert.rejects(prompt('fail'), /You sent/);
    await window.call('model/status', {});
    await window.call('conversation/export', { sessionId, format: 'json' });
    await window.call('audit/query', {});
    await window.kill('SIGTERM');

    assert.ok(
      model.requests.some(({ headers }) => headers.authorization === `Bearer ${key}`),
      'the key was used',
    );
    const holding = wire.filter((message) => JSON.stringify(message).includes(key));
    const asked = wire.filter((message) => message.method === 'secret/get');
    assert.ok(asked.length > 0);
    const answers = asked.map(({ id }) => id);
    for (const message of holding) {
      assert.deepEqual(Object.keys(message).sort(), ['id', 'result']);
      assert.ok(answers.includes(message.id), 'it answers secret/get');
    }
    assert.equal(holding.length, 1, 'it was asked for once');
    assert.match(log, /Request answered/, 'the log was written at its finest level');
    assert.equal(log.includes(key), false);
    assert.deepEqual(
      filesBelow(dataFolder).flatMap(({ file, text }) => (text.includes(key) ? [file] : [])),
      [],
    );
  });

  it('with which the audit log is signed stands outside VS Code in one file, which its owner alone can read', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    await server.call('terminal/run', { command: 'true' });
    const holding = filesBelow(dataFolder).filter(({ text }) => text.includes('-----BEGIN PRIVATE KEY'));
    // The bundle of the pty host is code that may speak of keys; it holds none.
    assert.deepEqual(
      holding.map(({ file }) => file),
      [path.join('audit', 'signingKey.pem')],
    );
    assert.equal(statSync(path.join(dataFolder, 'audit', 'signingKey.pem')).mode & 0o777, 0o600);
    const holdsToken = filesBelow(dataFolder).filter(({ text }) => text.includes(server.token));
    assert.deepEqual(
      holdsToken.map(({ file }) => file),
      ['token'],
    );
    assert.equal(statSync(path.join(dataFolder, 'token')).mode & 0o777, 0o600);
    await server.stop();
  });
});
