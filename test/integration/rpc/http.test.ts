import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { sendRaw, upgradeHeaders } from '../../support/attacks/rawConnection.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The server over HTTP', () => {
  const folder = temporaryFolder();
  let server: HttpServer;

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      '{"terminals.max": 7, "limits.apiPerMinute": 10000, "limits.failedAuthenticationsPer5Minutes": 100, "no.such.key": 1}',
    );
    server = await HttpServer.start(folder.path);
  });
  after(async () => {
    assert.equal(await server.stop(), 0, 'SIGTERM ends it cleanly');
    // Calling every method has started a shell, which outlives the server as it should.
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  it('listens on loopback only, with its token in a private file', () => {
    assert.equal(server.url.hostname, '127.0.0.1');
    assert.equal(statSync(server.tokenFile).mode & 0o777, 0o600);
    assert.equal(statSync(folder.path).mode & 0o777, 0o700);
    assert.ok(Buffer.from(server.token, 'base64url').length >= 32);
  });

  it('answers a call', async () => {
    const answer = await server.call('server/health', {});
    assert.equal(answer.status, 200);
    assert.equal(answer.body['status'], 'ready');
  });

  it('cancels a call whose caller has gone, and none that was answered', async () => {
    const outcomes = async (method: string): Promise<string[]> => {
      const headers = { authorization: `Bearer ${server.token}` };
      const text = await (await fetch(new URL('/metrics', server.url), { headers })).text();
      return [...text.matchAll(new RegExp(`_total\\{method="${method}",outcome="(\\w+)"\\}`, 'g'))].map(
        ([, one]) => one ?? '',
      );
    };
    const leaving = new AbortController();
    const called = fetch(new URL('/api/terminal/run', server.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ command: 'sleep 600' }),
      signal: leaving.signal,
    });
    const running = async (): Promise<boolean> => {
      const { body } = await server.call('terminal/list', {});
      return (body['terminals'] as { status: string }[]).some(({ status }) => status === 'active');
    };
    await waitFor('the command to run', running);
    leaving.abort();
    await assert.rejects(called);
    await waitFor('the call to be cancelled', async () => (await outcomes('terminal/run')).includes('Cancelled'));
    await waitFor('the command to end', async () => !(await running()));
    assert.deepEqual(await outcomes('terminal/list'), ['ok']);
  });

  it('lists its methods, and answers each of them when called with nothing', async () => {
    const listed = await server.send({ path: '/api', method: 'GET' });
    const methods = listed.body['methods'] as { method: string }[];
    assert.ok(methods.length > 20);
    for (const { method } of methods) {
      const answer = await server.call(method, {});
      assert.notEqual(answer.body['error'], 'Internal', method);
      assert.notEqual(answer.body['error'], 'UnknownMethod', method);
    }
  });

  it('tells anybody on this machine whether it works, and nothing else', async () => {
    const answer = await server.send({ path: '/health', method: 'GET', headers: { authorization: null } });
    assert.deepEqual(answer.body, { status: 'ready' });
  });

  it('can be called with curl as the guide says', () => {
    const output = execFileSync('curl', [
      '-s',
      ...['-H', `Authorization: Bearer ${server.token}`, '-H', 'Content-Type: application/json'],
      ...['-d', '{}', `${server.url.origin}/api/server/health`],
    ]);
    assert.equal((JSON.parse(output.toString()) as { status: string }).status, 'ready');
  });

  const refused: [
    string,
    { path?: string; method?: string; headers?: Record<string, string | null>; body?: string },
    number,
    string,
  ][] = [
    ['no token', { headers: { authorization: null } }, 401, 'Unauthenticated'],
    ['a wrong token', { headers: { authorization: `Bearer ${'A'.repeat(43)}` } }, 401, 'Unauthenticated'],
    ['another scheme', { headers: { authorization: 'Basic abc' } }, 401, 'Unauthenticated'],
    ['a rebound host name', { headers: { host: 'evil.example' } }, 421, 'BadHost'],
    ['a look-alike host name', { headers: { host: '127.0.0.1.evil.example' } }, 421, 'BadHost'],
    ['another port', { headers: { host: '127.0.0.1:1' } }, 421, 'BadHost'],
    ['a web page', { headers: { origin: 'https://evil.example' } }, 403, 'BadOrigin'],
    ['a sandboxed page', { headers: { origin: 'null' } }, 403, 'BadOrigin'],
    ['an unknown method', { path: '/api/no/such' }, 404, 'UnknownMethod'],
    ['another path', { path: '/secret' }, 404, 'NotFound'],
    ['a path that climbs', { path: '/api/../../etc/passwd' }, 404, 'UnknownMethod'],
    ['GET of a method', { method: 'GET' }, 405, 'MethodNotAllowed'],
    ['another content type', { headers: { 'content-type': 'text/plain' } }, 415, 'UnsupportedMediaType'],
    ['no JSON', { body: '{' }, 400, 'ParseError'],
    ['an extra key', { body: '{"x":1}' }, 400, 'InvalidParams'],
    ['a deep body', { body: '['.repeat(100_000) + ']'.repeat(100_000) }, 400, 'InvalidParams'],
  ];
  for (const [name, request, status, reason] of refused) {
    it(`answers ${status} ${reason} to ${name}`, async () => {
      const answer = await server.send({ path: '/api/server/health', body: '{}', ...request });
      assert.equal(answer.status, status);
      assert.equal(answer.body['error'], reason);
      assert.equal(typeof answer.body['message'], 'string');
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    });
  }

  const words: [string, { path: string; method?: string; body?: string }, string, RegExp][] = [
    ['an unknown method', { path: '/api/no/such', body: '{}' }, 'UnknownMethod', /"no\/such"\. GET \/api lists/],
    ['a notification', { path: '/api/session/cancel', body: '{}' }, 'UnknownMethod', /as a notification.*WebSocket/],
    ['the root', { path: '/', method: 'GET' }, 'NotFound', /GET \/openapi\.json .*GET \/api/],
    [
      'what needs a stream',
      { path: '/api/terminal/attach', body: '{}' },
      'Unsupported',
      /GET \/events\?terminal=ID, or a WebSocket/,
    ],
    [
      'what is no conversation',
      { path: '/api/conversation/export', body: '{"sessionId":"x","format":"json"}' },
      'InvalidParams',
      /sessionId: expected the id of a conversation: session\/list/,
    ],
    [
      'a kind of record that there is not',
      { path: '/api/audit/query', body: '{"kind":"authentication.fail"}' },
      'InvalidParams',
      /kind: expected one of authentication\.failed, .*, audit\.deleted\.$/,
    ],
    [
      'a time in words',
      { path: '/api/audit/query', body: '{"from":"yesterday"}' },
      'InvalidParams',
      /from: expected a time, such as 2026-11-24T12:00:00Z, or a day, such as 2026-11-24\.$/,
    ],
  ];
  for (const [name, request, reason, message] of words) {
    it(`says to who asks for ${name} what to do`, async () => {
      const { body } = await server.send(request);
      assert.equal(body['error'], reason);
      assert.match(String(body['message']), message);
    });
  }

  it('lists nothing that it refuses to everybody', async () => {
    const { body } = await server.send({ path: '/api', method: 'GET' });
    const listed = (body['methods'] as { method: string }[]).map(({ method }) => method);
    const { methods } = (await server.call('server/capabilities', {})).body;
    assert.deepEqual(methods, listed);
    for (const method of ['terminal/attach', 'session/attach'])
      assert.equal(listed.includes(method), method === 'session/attach');
  });

  it('answers 429 with Retry-After to more than ten new terminals a second, and takes more when that is over', async () => {
    const create = () => server.call('terminal/create', { shell: '/no/such/shell' });
    const answers = await Promise.all(Array.from({ length: 30 }, create));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0 && refused.length < 30, `${refused.length} of 30`);
    assert.deepEqual(new Set(refused.map(({ body }) => body['error'])), new Set(['RateLimited']));
    assert.deepEqual(new Set(refused.map(({ headers }) => headers['retry-after'])), new Set(['1']));
    const passed = answers.filter(({ status }) => status !== 429);
    assert.deepEqual(new Set(passed.map(({ body }) => body['error'])), new Set(['InvalidShell']));
    await waitFor('room for one more', async () => (await create()).body['error'] === 'InvalidShell');
  });

  it('answers 413 to a body of 64 MiB without reading it', async () => {
    const headers = { 'content-length': String(64 * 1024 * 1024) };
    const answer = await server.send({ path: '/api/server/health', headers, body: '{' });
    assert.equal(answer.status, 413);
    assert.equal(answer.body['error'], 'TooLarge');
  });

  it('answers 413 to a body of unknown length once it is too large, and ends the connection', async () => {
    const sent = http.request(new URL('/api/server/health', server.url), {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    });
    sent.on('error', () => undefined);
    const answered = once(sent, 'response') as Promise<[http.IncomingMessage]>;
    // It is sent as fast as it is taken, and goes on until there is an answer.
    const chunk = Buffer.alloc(64 * 1024, ' ');
    let hasAnswer = false;
    const write = (): void => {
      while (!hasAnswer && sent.write(chunk));
    };
    sent.on('drain', write);
    write();
    const [response] = await answered;
    hasAnswer = true;
    assert.deepEqual([response.statusCode, response.headers.connection], [413, 'close']);
    let text = '';
    for await (const part of response as AsyncIterable<Buffer>) text += part.toString();
    assert.equal((JSON.parse(text) as { error: string }).error, 'TooLarge');
    sent.destroy();
    assert.equal((await server.call('server/health', {})).status, 200);
  });

  it('answers 413 to curl too, which goes on sending as it reads the answer', () => {
    const file = path.join(folder.path, 'large');
    writeFileSync(file, Buffer.alloc(12 * 1024 * 1024, ' '));
    for (const length of ['Content-Length: 12582912', 'Transfer-Encoding: chunked']) {
      for (const expect of ['Expect:', 'Expect: 100-continue']) {
        const output = execFileSync('curl', [
          ...['-sS', '--max-time', '20', '-w', ' %{http_code}', '-H', length, '-H', expect],
          ...['-H', `Authorization: Bearer ${server.token}`, '-H', 'Content-Type: application/json'],
          ...['--data-binary', `@${file}`, `${server.url.origin}/api/server/health`],
        ]);
        assert.match(output.toString(), /"error":"TooLarge".* 413$/, `${length}, ${expect}`);
      }
    }
  });

  it('serves who offers another protocol as if it did not, body, guards and all', async () => {
    const curl = (...args: string[]): string =>
      execFileSync('curl', ['-sS', '--http2', '--max-time', '20', '-w', ' %{http_code}', ...args]).toString();
    const authorized = ['-H', `Authorization: Bearer ${server.token}`, '-H', 'Content-Type: application/json'];
    const { origin } = server.url;
    assert.match(curl(...authorized, '-d', '{}', `${origin}/api/server/health`), /"status":"ready".* 200$/);
    assert.match(curl(...authorized, '-d', '{"x":1}', `${origin}/api/server/health`), /InvalidParams.* 400$/);
    assert.match(curl(...authorized, `${origin}/api`), /"methods":.* 200$/);
    assert.match(curl('-d', '{}', `${origin}/api/server/health`), /Unauthenticated.* 401$/);
    assert.match(curl(...authorized, '-H', 'Host: evil.example', `${origin}/api`), /BadHost.* 421$/);
    assert.match(curl(...authorized, '-H', 'Origin: https://evil.example', `${origin}/api`), /BadOrigin.* 403$/);
    for (const upgrade of ['h2c', 'foo/2', 'websocket, h2c', '']) {
      const headers = { connection: 'Upgrade', upgrade };
      const answer = await server.send({ path: '/api/server/health', body: '{}', headers });
      assert.deepEqual([upgrade, answer.status, answer.body['status']], [upgrade, 200, 'ready']);
    }
  });

  it('answers everything on one connection in its order, whatever protocols are offered and WebSockets asked for', async () => {
    const target = { url: server.url, token: server.token };
    const request = (path: string, headers: readonly string[]): string =>
      [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1:PORT', 'Authorization: Bearer TOKEN', ...headers, '', ''].join('\r\n');
    const other = ['Connection: Upgrade', 'Upgrade: h2c'];
    const lines = [
      ...[request('/health', other), request('/nowhere', other), request('/health', []), request('/api/x', other)],
      request(
        '/other',
        Object.entries(upgradeHeaders).map(([name, value]) => `${name}: ${value}`),
      ),
    ];
    const answer = await sendRaw(target, lines.join(''));
    assert.deepEqual(
      [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ['200', '404', '200', '405', '404'],
    );
    assert.match(answer.slice(answer.lastIndexOf('HTTP/1.1')), /WebSockets are opened at/);
  });

  it('takes a token among subprotocols only from who asks for a WebSocket', async () => {
    const headers = { authorization: null, 'sec-websocket-protocol': `bearer.${server.token}` };
    for (const path of ['/api/server/health', '/ws']) {
      assert.equal((await server.send({ path, body: '{}', headers })).status, 401, path);
    }
  });

  it('refuses to listen beyond this machine', () => {
    assert.throws(
      () => execFileSync(process.execPath, ['dist/server.js', 'serve', '--host', '0.0.0.0'], { stdio: 'pipe' }),
      /needs TLS/,
    );
  });

  it('answers who rotates the token that it came with, which holds no more', async () => {
    const made = await server.call('security/issue', { name: 'administrator', scope: 'admin', hours: 1 });
    const { token, tokenId } = made.body as { token: string; tokenId: string };
    const rotate = (shown: string, id: string) =>
      server.send({
        path: '/api/security/rotate',
        body: JSON.stringify({ tokenId: id }),
        headers: { authorization: `Bearer ${shown}` },
      });
    const rotated = await rotate(token, tokenId);
    assert.equal(rotated.status, 200);
    assert.equal((await rotate(token, tokenId)).status, 401);
    const next = rotated.body as { token: string; tokenId: string };
    assert.equal((await rotate(next.token, next.tokenId)).status, 200);
  });

  it('says which port is taken', () => {
    const other = temporaryFolder();
    const args = ['dist/server.js', 'serve', '--port', server.url.port, '--data-dir', other.path];
    assert.throws(() => execFileSync(process.execPath, args, { stdio: 'pipe' }), /another program uses it/);
    other.remove();
  });

  it('is found by the next one on the same data folder, which prints the same line', () => {
    const args = ['dist/server.js', 'serve', '--data-dir', folder.path];
    const line = execFileSync(process.execPath, args, { stdio: 'pipe' }).toString();
    assert.equal((JSON.parse(line) as { pid: number }).pid, server.child.pid);
  });

  it('says that it has recovered where the one before it was killed, and not where it ended by itself', async () => {
    const other = temporaryFolder();
    const killed = await HttpServer.start(other.path);
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    const next = await HttpServer.start(other.path);
    assert.equal((await next.call('server/health', {})).body['status'], 'recovered');
    await next.stop();
    const last = await HttpServer.start(other.path);
    assert.equal((await last.call('server/health', {})).body['status'], 'ready');
    await last.stop();
    other.remove();
  });
});
