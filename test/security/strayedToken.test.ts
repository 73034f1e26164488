import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../support/httpServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** People paste a token where the name of a method or a query belongs. */
describe('A token that went astray into an address', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let server: HttpServer;
  let log = '';

  const start = async (): Promise<void> => {
    const onLog = (chunk: string): void => void (log += chunk);
    server = await HttpServer.start(folder.path, ['--log-level', 'trace'], { onLog });
  };
  const restart = async (): Promise<void> => {
    await server.stop();
    await start();
  };
  before(start);
  after(async () => {
    await server.stop();
    folder.remove();
  });

  const tokens: string[] = [];
  /** That no answer of the server, no line of its log and no file of its folder holds. */
  const assertUnwritten = (what: string): void => {
    for (const file of readdirSync(folder.path, { recursive: true, withFileTypes: true, encoding: 'utf8' })) {
      const full = path.join(file.parentPath, file.name);
      if (file.isFile() && full !== server.record['tokenFile']) assert.ok(!readFileSync(full).includes(what), full);
    }
    assert.ok(!log.includes(what));
  };

  before(async () => {
    const made = await server.call('security/issue', { name: 'astray', scope: 'read', hours: 1 });
    tokens.push(server.token, (made.body as { token: string }).token);
  });

  it('stands in no answer, log line or file', async () => {
    for (const token of tokens) {
      for (const path of [`/api/${token}`, `/api/server/${token}`, `/${token}`, `/api/server/health?token=${token}`]) {
        for (const method of ['POST', 'GET', 'PUT']) {
          const answers = [await server.send({ path, method, body: '{}' })];
          answers.push(await server.send({ path, method, body: '{}', headers: { authorization: 'Bearer wrong' } }));
          for (const { body } of answers) assert.ok(!JSON.stringify(body).includes(token), `${method} ${path}`);
        }
      }
    }
    await server.call('audit/query', {});
    for (const token of tokens) assertUnwritten(token);
  });

  it('stands nowhere in part either, however far behind in a path, an origin or a host it stands', async () => {
    // Those of another data folder, too, of which this server knows nothing.
    const unknown = randomBytes(32).toString('base64url');
    const unknownMade = `ada_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`;
    for (const token of [...tokens, unknown, unknownMade]) {
      for (const before of [0, 190, 213, 214, 240, 255, 256, 4_000]) {
        for (const text of [`${'x'.repeat(before)}${token}`, `${'/x'.repeat(before / 2)}/${token}`]) {
          const bare = { authorization: null };
          await server.send({ path: `/${text}`, method: 'GET', headers: bare });
          await server.send({ path: '/health', method: 'GET', headers: { ...bare, origin: text } });
          await server.send({ path: '/health', method: 'GET', headers: { ...bare, host: text } });
          await server.send({ path: `/api/${text}`, body: '{}' });
        }
      }
      // More of a kind than these are told as one for a minute, and a server that ends tells what it has counted.
      await restart();
    }
    const records = readdirSync(path.join(folder.path, 'audit')).filter((name) => name.endsWith('.jsonl'));
    const written = records.map((name) => readFileSync(path.join(folder.path, 'audit', name), 'utf8')).join('');
    for (const outcome of ['Unauthenticated', 'BadOrigin', 'BadHost']) assert.ok(written.includes(outcome), outcome);
    for (const token of [...tokens, unknown, unknownMade]) {
      // A fifth of its secret part says little; what is looked for must not stand in a name of anything by chance.
      const secret = token.slice(-43);
      for (const at of [0, 8, 16, 24, 34]) assertUnwritten(secret.slice(at, at + 9));
    }
  });

  it('stands in no answer to a call in which it is an id, a name, a key, a folder or a program', async () => {
    const asked: [method: string, params: (token: string) => object][] = [
      ['session/attach', (token) => ({ sessionId: token })],
      ['session/attach', (token) => ({ [token]: token })],
      ['session/new', (token) => ({ cwd: `/no/${token}\x1b]0;title\x07`, mcpServers: [] })],
      ['session/new', (token) => ({ cwd: token, mcpServers: [] })],
      ['terminal/create', (token) => ({ cwd: `/no/${token}\x1b]0;title\x07` })],
      ['terminal/create', (token) => ({ shell: `/no/${token}` })],
      ['terminal/write', (token) => ({ sessionId: token, data: '' })],
      ['security/revoke', (token) => ({ tokenId: token })],
      ['backup/verify', (token) => ({ id: token })],
      ['audit/query', (token) => ({ before: token })],
    ];
    for (const token of tokens) {
      for (const [method, params] of asked) {
        const { status, text } = await server.call(method, params(token));
        assert.notEqual(status, 200, method);
        assert.ok(!text.includes(token), `${method}: ${text.replaceAll(token, 'TOKEN')}`);
        assert.doesNotMatch(text, /\\u001b|\\u0007/, method);
      }
    }
    for (const token of tokens) assertUnwritten(token);
  });
});
