import assert from 'node:assert/strict';
import { foreignHosts, foreignOrigins, nameOfForm } from '../support/attacks/addressForms.ts';
import { malformedRequests } from '../support/attacks/malformedBytes.ts';
import { sendRaw, upgradeHeaders } from '../support/attacks/rawConnection.ts';
import { HttpServer } from '../support/httpServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/**
 * Loopback is no boundary: a web page can send requests there, by DNS rebinding even as its own origin (CVE-2026-22812,
 * CVE-2025-49596 and their like). Every form of address that is not ours is refused, token or not.
 */
describe('The HTTP door', () => {
  const folder = temporaryFolder();
  let server: HttpServer;

  before(async () => {
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
  });
  after(async () => {
    await server.stop();
    folder.remove();
  });

  /** What who opens a WebSocket and an event stream with these headers is answered, where that is the same. */
  async function opened(headers: Record<string, string>): Promise<[status: number, error: unknown]> {
    const webSocket = await server.send({ path: '/ws', method: 'GET', headers: { ...upgradeHeaders, ...headers } });
    const stream = await server.send({ path: '/events', method: 'GET', headers });
    assert.deepEqual([webSocket.status, webSocket.body['error']], [stream.status, stream.body['error']]);
    return [webSocket.status, webSocket.body['error']];
  }

  for (const host of foreignHosts) {
    it(`refuses the host ${nameOfForm(host)}`, async () => {
      const answer = await server.send({
        path: '/api/server/health',
        body: '{}',
        headers: { host: host(server.url.port) },
      });
      assert.deepEqual([answer.status, answer.body['error']], [421, 'BadHost']);
      assert.deepEqual(await opened({ host: host(server.url.port) }), [421, 'BadHost']);
    });
  }

  for (const origin of foreignOrigins) {
    it(`refuses the origin "${nameOfForm(origin)}"`, async () => {
      const headers = { origin: origin(server.url.port) };
      const answer = await server.send({ path: '/api/server/health', body: '{}', headers });
      assert.deepEqual([answer.status, answer.body['error']], [403, 'BadOrigin']);
      assert.deepEqual(await opened(headers), [403, 'BadOrigin']);
    });
  }

  for (const path of ['/health', '/api', '/api/server/health', '/nowhere']) {
    it(`looks at Host and Origin first on ${path}, even without a token`, async () => {
      const headers = { authorization: null, host: 'evil.example' };
      assert.equal((await server.send({ path, method: 'GET', headers })).status, 421);
    });
  }

  for (const { name, bytes } of malformedRequests) {
    it(`refuses ${name}, and goes on`, async () => {
      const [line] = (await sendRaw(server, bytes)).split('\r\n', 1);
      assert.match(line ?? '', /^$|^HTTP\/1\.1 4/);
      assert.equal((await server.call('server/health', {})).status, 200);
    });
  }

  it('shows its token in no answer', async () => {
    for (const path of ['/health', '/api', '/nowhere']) {
      const answer = await server.send({ path, method: 'GET' });
      assert.ok(!JSON.stringify([answer.body, answer.headers]).includes(server.token));
    }
  });
});
