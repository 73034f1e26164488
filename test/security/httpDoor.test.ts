import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { foreignHosts, foreignOrigins, nameOfForm } from '../support/attacks/addressForms.ts';
import { headerProblems } from '../support/attacks/answerRules.ts';
import { malformedHandshakes, malformedRequests } from '../support/attacks/malformedBytes.ts';
import { headersOf, sendRaw, upgradeHeaders } from '../support/attacks/rawConnection.ts';
import { HttpServer, type HttpAnswer } from '../support/httpServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';

/**
 * Loopback is no boundary: a web page can send requests there, by DNS rebinding even as its own origin (CVE-2026-22812,
 * CVE-2025-49596 and their like). Every form of address that is not ours is refused, token or not.
 */
const allowedOrigin = 'https://mine.example';

describe('The HTTP door', () => {
  const folder = temporaryFolder();
  let server: HttpServer;

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      JSON.stringify({ 'security.allowedOrigins': [allowedOrigin] }),
    );
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

  for (const { name, bytes } of malformedHandshakes) {
    it(`answers ${name} as every other request that is refused`, async () => {
      const answer = await sendRaw(server, bytes);
      const headers = headersOf(answer);
      assert.deepEqual(headerProblems(headers), []);
      const { error } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as { error: string };
      const isByPost = name.endsWith('POST');
      assert.deepEqual(
        [error, headers['allow']],
        isByPost ? ['MethodNotAllowed', 'GET'] : ['InvalidRequest', undefined],
      );
    });
  }

  it('names the method that is answered where another one is used', async () => {
    for (const [method, path, allowed] of [
      ['PUT', '/health', 'GET, HEAD'],
      ['POST', '/metrics', 'GET'],
      ['GET', '/api/server/health', 'POST'],
    ] as const) {
      const { status, headers } = await server.send({ method, path });
      assert.deepEqual([status, headers.allow], [405, allowed]);
    }
  });

  it('answers HEAD of the health with the headers that GET has, and nothing else', async () => {
    const headers = { authorization: null };
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => server.send({ path: '/health', method, headers })),
    );
    assert.ok(get && head);
    const withoutDate = ({ headers: { date, ...others } }: HttpAnswer) => [typeof date, others];
    assert.deepEqual([head.status, head.text, withoutDate(head)], [200, '', withoutDate(get)]);
    assert.equal(head.headers['content-length'], String(get.text.length));
  });

  it('answers preflights of a page that is allowed, for which it counts nobody, and lets none in', async () => {
    const ask = (path: string, headers: Record<string, string | null>): Promise<HttpAnswer> =>
      server.send({ path, method: 'OPTIONS', headers: { authorization: null, ...headers } });
    const preflight = { origin: allowedOrigin, 'access-control-request-method': 'POST' };
    for (const [path, allowed] of [
      ['/api/server/health', 'POST'],
      ['/events', 'GET'],
      ['/health', 'GET'],
      ['/nowhere', 'GET'],
    ] as const) {
      for (let attempt = 0; attempt < 3; attempt++) {
        const { status, headers, body } = await ask(path, preflight);
        assert.deepEqual([status, body['error'], headers.allow], [405, 'MethodNotAllowed', allowed], path);
        assert.match(String(body['message']), /over a WebSocket alone/);
        assert.deepEqual(headerProblems(headers), []);
      }
    }
    assert.equal((await ask('/events', { ...preflight, origin: 'https://other.example' })).status, 403);
    assert.equal((await ask('/events', { 'access-control-request-method': 'POST' })).status, 401);
    assert.equal((await ask('/events', { origin: allowedOrigin })).status, 401);
    // Records are in the order of what they tell of, and these two come last.
    await waitFor('the records of the two that were no preflights, and of no other', async () => {
      const { body } = await server.call('audit/query', { kind: 'authentication.failed' });
      const records = body['records'] as { details: { method: string } }[];
      return records.filter(({ details }) => details.method === 'OPTIONS').length === 2;
    });
  });

  it('answers who asks for a tunnel, and opens none', async () => {
    const ask = (host: string, token: string): Promise<string> =>
      sendRaw(server, `CONNECT evil.example:443 HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const ours = '127.0.0.1:PORT';
    const answers = [await ask('evil.example', 'TOKEN'), await ask(ours, 'wrong'), await ask(ours, 'TOKEN')];
    assert.deepEqual(
      answers.map((answer) => answer.split(' ', 2)[1]),
      ['421', '401', '405'],
    );
    for (const answer of answers) assert.deepEqual(headerProblems(headersOf(answer)), []);
  });

  it('shows its token in no answer', async () => {
    for (const path of ['/health', '/api', '/nowhere']) {
      const answer = await server.send({ path, method: 'GET' });
      assert.ok(!JSON.stringify([answer.body, answer.headers]).includes(server.token));
    }
  });
});
