import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../support/httpServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** People paste a token where the name of a method or a query belongs. */
describe('A token that went astray into an address', () => {
  const folder = temporaryFolder();
  let server: HttpServer;
  let log = '';

  before(async () => {
    const onLog = (chunk: string): void => void (log += chunk);
    server = await HttpServer.start(folder.path, ['--log-level', 'trace'], { onLog });
  });
  after(async () => {
    await server.stop();
    folder.remove();
  });

  it('stands in no answer, log line or file', async () => {
    const made = await server.call('security/issue', { name: 'astray', scope: 'read', hours: 1 });
    const tokens = [server.token, (made.body as { token: string }).token];
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
    for (const file of readdirSync(folder.path, { recursive: true, withFileTypes: true, encoding: 'utf8' })) {
      const full = path.join(file.parentPath, file.name);
      if (!file.isFile() || full === server.record['tokenFile']) continue;
      for (const token of tokens) assert.ok(!readFileSync(full).includes(token), full);
    }
    for (const token of tokens) assert.ok(!log.includes(token));
  });
});
