import assert from 'node:assert/strict';
import { connect } from 'node:net';
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
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const key = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
    const webSocket = await server.send({ path: '/ws', method: 'GET', headers: { ...upgrade, ...key, ...headers } });
    const stream = await server.send({ path: '/events', method: 'GET', headers });
    assert.deepEqual([webSocket.status, webSocket.body['error']], [stream.status, stream.body['error']]);
    return [webSocket.status, webSocket.body['error']];
  }

  const hosts: ((port: string) => string)[] = [
    (port) => `evil.example:${port}`,
    (port) => `127.0.0.1.evil.example:${port}`,
    (port) => `localhost.evil.example:${port}`,
    (port) => `evil.example#127.0.0.1:${port}`,
    (port) => `127.0.0.1@evil.example:${port}`,
    (port) => `evil.example@127.0.0.1:${port}`,
    (port) => `127.0.0.1:${port}.evil.example`,
    (port) => `127.0.0.2:${port}`,
    (port) => `127.1:${port}`,
    (port) => `2130706433:${port}`,
    (port) => `0x7f000001:${port}`,
    (port) => `0177.0.0.1:${port}`,
    (port) => `0.0.0.0:${port}`,
    (port) => `[::]:${port}`,
    (port) => `[::ffff:127.0.0.1]:${port}`,
    (port) => `[::ffff:7f00:1]:${port}`,
    (port) => `localhost..:${port}`,
    (port) => `LOCALHOST.EVIL.EXAMPLE:${port}`,
    (port) => `127.0.0.1:${port},evil.example`,
    (port) => `127.0.0.1:${port} evil.example`,
    (port) => `http://127.0.0.1:${port}`,
    (port) => `127.0.0.1:0${port}`,
    (port) => `127.0.0.1:${Number(port) + 1}`,
    (port) => `127.0.0.1:${port}0`,
    (port) => `*:${port}`,
    () => '127.0.0.1:',
    () => '127.0.0.1:80',
    () => '.',
    () => ':',
  ];
  for (const host of hosts) {
    it(`refuses the host ${host('PORT')}`, async () => {
      const answer = await server.send({
        path: '/api/server/health',
        body: '{}',
        headers: { host: host(server.url.port) },
      });
      assert.deepEqual([answer.status, answer.body['error']], [421, 'BadHost']);
      assert.deepEqual(await opened({ host: host(server.url.port) }), [421, 'BadHost']);
    });
  }

  const origins: ((port: string) => string)[] = [
    () => 'null',
    () => 'https://evil.example',
    () => 'http://localhost.evil.example',
    () => 'http://127.0.0.1.evil.example',
    (port) => `http://evil.example:${port}`,
    (port) => `http://127.0.0.1:${port}`,
    (port) => `http://localhost:${port}`,
    (port) => `https://127.0.0.1:${port}`,
    (port) => `HTTP://127.0.0.1:${port}`,
    (port) => `http://[::1]:${port}`,
    () => 'file://',
    () => 'data:',
    () => 'chrome-extension://abcdefghijklmnop',
    () => 'vscode-webview://abc',
    () => '*',
    () => '',
    () => 'https://evil.example, http://127.0.0.1',
  ];
  for (const origin of origins) {
    it(`refuses the origin "${origin('PORT')}"`, async () => {
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

  /** Sends bytes that no client library would, and gives the first line of the answer, or nothing where it hangs up. */
  function raw(bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(server.url.port), '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text.split('\r\n', 1)[0] ?? ''));
      socket.on('error', reject);
    });
  }

  const malformed: [string, string][] = [
    ['no Host at all', 'POST /api/server/health HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', 'GET /health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.example\r\nConnection: close\r\n\r\n'],
    [
      'two lengths',
      'POST /api/server/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    ],
    [
      'length and chunks',
      'POST /api/server/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    ],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['a header of 1 MiB', `GET /health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n`],
  ];
  for (const [name, bytes] of malformed) {
    it(`refuses ${name}, and goes on`, async () => {
      const line = await raw(bytes.replaceAll('PORT', server.url.port)).catch(() => '');
      assert.match(line, /^$|^HTTP\/1\.1 4/);
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
