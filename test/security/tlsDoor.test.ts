import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tls from 'node:tls';
import { createCertificate, type TestCertificate } from '../support/certificate.ts';
import { HttpServer } from '../support/httpServer.ts';
import { serverBundle, serverEnvironment } from '../support/stdioServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

const name = 'box.example';

/** What is true of the door holds over TLS too, and beyond loopback there is nothing but TLS. */
describe('The door over TLS', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const files = temporaryFolder();
  let certificate: TestCertificate;
  let server: HttpServer;
  let early: WebSocketClient;
  let silent: Socket;

  before(async () => {
    certificate = createCertificate(files.path, 'one', [`DNS:${name}`, 'IP:127.0.0.1']);
    const settings = { 'limits.apiPerMinute': 10_000, 'security.allowedOrigins': ['https://mine.example'] };
    writeFileSync(path.join(folder.path, 'settings.json'), JSON.stringify(settings));
    server = await serve(folder.path, ['--allowed-host', name]);
    early = await WebSocketClient.open(server);
    silent = connect(Number(server.url.port), '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
  });
  after(async () => {
    silent.destroy();
    await early.close();
    assert.equal(await server.stop(), 0, 'SIGTERM ends it cleanly');
    for (const one of [folder, files]) one.remove();
  });

  const tlsArgs = (): string[] => ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
  function serve(dataFolder: string, args: readonly string[]): Promise<HttpServer> {
    return HttpServer.start(dataFolder, ['--log-level', 'off', ...tlsArgs(), ...args], { ca: certificate.cert });
  }
  /** What `serve` says where it does not start. */
  function refusal(...args: string[]): string {
    const other = temporaryFolder();
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, [serverBundle, 'serve', ...args], {
        env: serverEnvironment(other.path),
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.deepEqual([status, stdout], [1, '']);
      return stderr;
    } finally {
      other.remove();
    }
  }
  function curl(...args: string[]): string {
    const output = execFileSync('curl', [
      ...['-sS', '--max-time', '20', '--cacert', certificate.certFile, '-w', ' %{http_code}'],
      ...['-H', `Authorization: Bearer ${server.token}`, '-H', 'Content-Type: application/json', ...args],
    ]);
    return output.toString();
  }

  it('is told by its address, and answers calls of node, of curl and over a WebSocket', async () => {
    const { port } = server.url;
    assert.equal(server.record['url'], `https://127.0.0.1:${port}`);
    assert.equal(server.record['webSocketUrl'], `wss://127.0.0.1:${port}/ws`);
    assert.equal((await server.call('server/health', {})).body['status'], 'ready');
    assert.match(curl('-d', '{}', `${server.url.origin}/api/server/health`), /"status":"ready".* 200$/);
    const byName = ['--resolve', `${name}:${port}:127.0.0.1`, `https://${name}:${port}/api/server/health`];
    assert.match(curl('-d', '{}', ...byName), /"status":"ready".* 200$/);
    assert.equal((await early.call('server/health', {})).status, 'ready');
    const client = await WebSocketClient.open(server, {
      token: null,
      subprotocols: ['ai-dev-assistant.v1', `bearer.${server.token}`],
      headers: { origin: 'https://mine.example' },
    });
    assert.equal((await client.call('server/health', {})).status, 'ready');
    await client.close();
  });

  it('serves who offers another protocol there as if it did not', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'h2c' };
    const answer = await server.send({ path: '/api/server/health', body: '{}', headers });
    assert.deepEqual([answer.status, answer.body['status']], [200, 'ready']);
  });

  it('is believed by nobody who does not know its certificate', () => {
    const args = ['-sS', '--max-time', '20', `${server.url.origin}/health`];
    assert.throws(() => execFileSync('curl', args, { stdio: 'pipe' }), /certificate/);
  });

  it('gives nothing to who speaks plain HTTP', async () => {
    const socket = connect(Number(server.url.port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.write(
      `GET /api HTTP/1.1\r\nHost: ${server.url.host}\r\nAuthorization: Bearer ${server.token}\r\nConnection: close\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(/HTTP|\{/.test(answer), false, answer);
  });

  const versions: [tls.SecureVersion, boolean][] = [
    ['TLSv1', false],
    ['TLSv1.1', false],
    ['TLSv1.2', true],
    ['TLSv1.3', true],
  ];
  for (const [version, isSpoken] of versions) {
    it(`${isSpoken ? 'speaks' : 'does not speak'} ${version}`, async () => {
      const socket = tls.connect({
        ...{ host: '127.0.0.1', port: Number(server.url.port), ca: certificate.cert },
        ...{ minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' },
      });
      const spoken = await new Promise((resolve) => {
        socket.once('secureConnect', () => resolve(socket.getProtocol()));
        socket.once('error', () => resolve(undefined));
      });
      socket.destroy();
      assert.equal(spoken, isSpoken ? version : undefined);
    });
  }

  /** The statuses of a call, a stream and a WebSocket with these headers, where they are the same. */
  async function statusOf(headers: Record<string, string>): Promise<number> {
    const call = await server.send({ path: '/api/server/health', body: '{}', headers });
    const key = { 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', ...key };
    // At another path, so that it is answered over HTTP in any case.
    const webSocket = await server.send({ path: '/other', method: 'GET', headers: { ...upgrade, ...headers } });
    const stream = await server.send({ path: '/events?terminal=x', method: 'GET', headers });
    assert.deepEqual([webSocket.status, stream.status], call.status === 200 ? [404, 400] : [call.status, call.status]);
    return call.status;
  }

  it('describes itself under the name that it was asked by, with https', async () => {
    for (const host of [`${name}:${server.url.port}`, `localhost:${server.url.port}`]) {
      const { body } = await server.send({ path: '/openapi.json', method: 'GET', headers: { host } });
      assert.deepEqual(body['servers'], [{ url: `https://${host}` }]);
    }
  });

  const hosts: [(port: string) => string, number][] = [
    [(port) => `${name}:${port}`, 200],
    [(port) => `BOX.example.:${port}`, 200],
    [(port) => `localhost:${port}`, 200],
    [(port) => `[::1]:${port}`, 200],
    [() => name, 421],
    [() => `${name}:80`, 421],
    [() => `${name}:443`, 421],
    [() => '127.0.0.1', 421],
    [(port) => `${name}.evil.example:${port}`, 421],
    [(port) => `evil.${name}:${port}`, 421],
    [(port) => `evil-${name}:${port}`, 421],
    [(port) => `box-example:${port}`, 421],
    [(port) => `boxxexample:${port}`, 421],
    [(port) => `example:${port}`, 421],
    [(port) => `evil.example:${port}`, 421],
    [(port) => `evil.example@${name}:${port}`, 421],
    [(port) => `${name}@evil.example:${port}`, 421],
    [(port) => `${name}#:${port}`, 421],
    [(port) => `${name}, evil.example:${port}`, 421],
    [(port) => `https://${name}:${port}`, 421],
    [(port) => `${name}..:${port}`, 421],
    [(port) => `*:${port}`, 421],
    [(port) => `0.0.0.0:${port}`, 421],
    [(port) => `127.0.0.2:${port}`, 421],
    [(port) => `127.1:${port}`, 421],
    [(port) => `2130706433:${port}`, 421],
    [(port) => `0x7f000001:${port}`, 421],
    [(port) => `[::]:${port}`, 421],
    [(port) => `[::ffff:127.0.0.1]:${port}`, 421],
    [(port) => `${name}:${Number(port) + 1}`, 421],
    [(port) => `${name}:0${port}0`, 421],
    [() => ':', 421],
  ];
  for (const [host, status] of hosts) {
    it(`answers ${status} to the host ${host('PORT')}`, async () => {
      assert.equal(await statusOf({ host: host(server.url.port) }), status);
    });
  }

  const origins: [(port: string) => string, number][] = [
    [() => 'https://mine.example', 200],
    [() => 'http://mine.example', 403],
    [() => 'https://mine.example:444', 403],
    [(port) => `https://127.0.0.1:${port}`, 403],
    [(port) => `https://localhost:${port}`, 403],
    [(port) => `https://${name}:${port}`, 403],
    [() => `https://${name}`, 403],
    [() => 'https://evil.example', 403],
    [() => 'https://mine.example.evil.example', 403],
    [() => 'null', 403],
    [() => '*', 403],
    [() => '', 403],
    [() => 'file://', 403],
  ];
  for (const [origin, status] of origins) {
    it(`answers ${status} to the origin "${origin('PORT')}"`, async () => {
      assert.equal(await statusOf({ origin: origin(server.url.port) }), status);
    });
  }

  it('listens on every address where it is said under which name it is reached', async () => {
    const other = temporaryFolder();
    const everywhere = await serve(other.path, ['--host', '0.0.0.0', '--allowed-host', name]);
    try {
      const { port } = everywhere.url;
      assert.equal(everywhere.record['url'], `https://${name}:${port}`);
      const bearer = ['-H', `Authorization: Bearer ${everywhere.token}`];
      const resolve = ['--resolve', `${name}:${port}:127.0.0.1`];
      assert.match(curl(...bearer, '-d', '{}', ...resolve, `https://${name}:${port}/health`), / 405$/);
      assert.match(curl(...resolve, `https://${name}:${port}/health`), /"ready"\} 200$/);
      assert.match(curl(...resolve, '-H', `Host: 0.0.0.0:${port}`, `https://${name}:${port}/health`), /BadHost/);
    } finally {
      await everywhere.stop();
      other.remove();
    }
  });

  it('listens on an address that other machines reach, and answers under it alone', async function () {
    const addresses = Object.values(os.networkInterfaces()).flatMap((all) => all ?? []);
    const address = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
    if (address === undefined) this.skip();
    const other = temporaryFolder();
    const own = createCertificate(other.path, 'own', [`IP:${address}`]);
    const args = ['--log-level', 'off', '--tls-cert', own.certFile, '--tls-key', own.keyFile, '--host', address];
    const beyond = await HttpServer.start(other.path, args, { ca: own.cert });
    try {
      assert.equal(beyond.record['url'], `https://${address}:${beyond.url.port}`);
      assert.equal((await beyond.call('server/health', {})).body['status'], 'ready');
      const client = await WebSocketClient.open(beyond);
      await client.close();
      const answer = await beyond.send({
        path: '/health',
        method: 'GET',
        headers: { host: `${name}:${beyond.url.port}` },
      });
      assert.equal(answer.status, 421);
    } finally {
      await beyond.stop();
      other.remove();
    }
  });

  it('says what is wrong with what it was started with', () => {
    const { certFile, keyFile } = certificate;
    const other = createCertificate(files.path, 'other', ['DNS:other.example']);
    const [open, text] = [path.join(files.path, 'open.pem'), path.join(files.path, 'text.pem')];
    copyFileSync(keyFile, open);
    for (const mode of [0o640, 0o604, 0o644]) {
      chmodSync(open, mode);
      assert.match(refusal('--tls-cert', certFile, '--tls-key', open), /Others can read the key .*chmod 600/);
    }
    writeFileSync(text, 'no certificate', { mode: 0o600 });
    const cases: [string[], RegExp][] = [
      [['--host', '0.0.0.0'], /needs TLS.*--tls-cert/],
      [['--host', 'localhost'], /needs TLS/],
      [['--tls-cert', certFile], /name both/],
      [['--tls-key', keyFile], /name both/],
      [[...tlsArgs(), '--host', '0.0.0.0'], /every address.*--allowed-host/],
      [[...tlsArgs(), '--host', '::'], /every address.*--allowed-host/],
      [[...tlsArgs(), '--allowed-host', '*'], /no name or address/],
      [[...tlsArgs(), '--allowed-host', `https://${name}`], /no name or address/],
      [[...tlsArgs(), '--allowed-host', `${name}:443`], /no name or address/],
      [[...tlsArgs(), '--allowed-host', '127.1'], /no name or address/],
      [['--tls-cert', `${certFile}.not`, '--tls-key', keyFile], /certificate in .* cannot be read \(ENOENT\)/],
      [['--tls-cert', certFile, '--tls-key', `${keyFile}.not`], /key in .* cannot be read \(ENOENT\)/],
      [['--tls-cert', text, '--tls-key', keyFile], /holds no certificate/],
      [['--tls-cert', certFile, '--tls-key', text], /holds no private key/],
      [['--tls-cert', certFile, '--tls-key', other.keyFile], /is not that of the certificate/],
      [['--tls-cert', files.path, '--tls-key', keyFile], /cannot be read \(EISDIR\)/],
      [[...tlsArgs(), '--host', '192.0.2.250'], /no such address/],
    ];
    for (const [args, expected] of cases) assert.match(refusal(...args), expected, args.join(' '));
  });

  it('is found by the next one on the data folder, and by the command line', () => {
    const args = ['serve', '--data-dir', folder.path];
    const line = execFileSync(process.execPath, [serverBundle, ...args], { stdio: 'pipe' }).toString();
    assert.equal((JSON.parse(line) as { url: string }).url, server.record['url']);
    const create = ['tokens', 'create', '--name', 'guest', '--data-dir', folder.path];
    const { stderr } = spawnSync(process.execPath, [serverBundle, ...create], { encoding: 'utf8' });
    assert.ok(stderr.includes(`It holds at ${String(server.record['url'])} `), stderr);
  });

  /** The certificate that a newcomer is shown. */
  async function shown(): Promise<string> {
    const { port } = server.url;
    const socket = tls.connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  it('takes a certificate that was renewed without a restart, and stays with the former one while it cannot be used', async () => {
    const { certFile, keyFile } = certificate;
    const next = createCertificate(files.path, 'next', [`DNS:${name}`, 'IP:127.0.0.1']);
    assert.equal(await shown(), 'one');
    writeFileSync(`${certFile}.new`, 'half of a certi');
    renameSync(`${certFile}.new`, certFile);
    copyFileSync(next.keyFile, keyFile);
    assert.equal(await shown(), 'one');
    copyFileSync(next.certFile, certFile);
    await waitFor('the new certificate', async () => (await shown()) === 'next', 20_000);
    assert.equal((await early.call('server/health', {})).status, 'ready');
    assert.match(curl('-d', '{}', `${server.url.origin}/api/server/health`), /"status":"ready".* 200$/);
  });

  it('has sent away who has not even begun to speak TLS, and keeps who has shown its token', async () => {
    await waitFor('ten seconds to be over for who says nothing', () => silent.closed, 20_000);
    assert.equal(early.closeCode, undefined);
    await waitFor('only that one and the call itself to be counted', () => {
      const metrics = curl(`${server.url.origin}/metrics`);
      return /ai_dev_assistant_connections\{kind="open"\} 2$/m.test(metrics);
    });
  });
});
