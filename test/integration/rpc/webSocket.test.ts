import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';

describe('The server over WebSocket', () => {
  const folder = temporaryFolder();
  let server: HttpServer;
  const clients: WebSocketClient[] = [];

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      JSON.stringify({
        'limits.apiPerMinute': 10_000,
        'limits.failedAuthenticationsPer5Minutes': 1_000,
        'security.allowedOrigins': ['https://mine.example'],
      }),
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off', '--workspace', folder.path]);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
  });
  after(async () => {
    assert.equal(await server.stop(), 0, 'SIGTERM ends it cleanly');
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function open(options: Parameters<typeof WebSocketClient.open>[1] = {}): Promise<WebSocketClient> {
    const client = await WebSocketClient.open(server, options);
    clients.push(client);
    return client;
  }

  it('answers a call, and says over which address it is reached', async () => {
    assert.equal(server.record['webSocketUrl'], `ws://127.0.0.1:${server.url.port}/ws`);
    const client = await open();
    assert.equal((await client.call('server/health', {})).status, 'ready');
  });

  it('takes the token of a browser among the subprotocols, and answers with the other one', async () => {
    const client = await open({
      token: null,
      subprotocols: ['ai-dev-assistant.v1', `bearer.${server.token}`],
      headers: { origin: 'https://mine.example' },
    });
    assert.equal(client.socket.protocol, 'ai-dev-assistant.v1');
    assert.equal((await client.call('server/health', {})).status, 'ready');
  });

  it('compresses nothing', async () => {
    const client = await open({ perMessageDeflate: true });
    assert.equal(client.socket.extensions, '');
  });

  const refused: [string, Parameters<typeof WebSocketClient.open>[1], string][] = [
    ['no token', { token: null }, 'HTTP 401 Unauthenticated'],
    ['a wrong token', { token: 'A'.repeat(43) }, 'HTTP 401 Unauthenticated'],
    ['a token in the address', { token: null, path: '/ws?token=TOKEN' }, 'HTTP 401 Unauthenticated'],
    [
      'a wrong token among the subprotocols',
      { token: null, subprotocols: ['bearer.wrong'] },
      'HTTP 401 Unauthenticated',
    ],
    ['a web page', { headers: { origin: 'https://evil.example' } }, 'HTTP 403 BadOrigin'],
    ['a sandboxed page', { headers: { origin: 'null' } }, 'HTTP 403 BadOrigin'],
    ['a rebound host name', { headers: { host: 'evil.example' } }, 'HTTP 421 BadHost'],
    ['another path', { path: '/other' }, 'HTTP 404 NotFound'],
  ];
  for (const [name, options, expected] of refused) {
    it(`answers ${expected} to ${name}, before there is a WebSocket`, async () => {
      const path = options?.path?.replace('TOKEN', server.token);
      await assert.rejects(open({ ...options, ...(path === undefined ? {} : { path }) }), { message: expected });
    });
  }

  it('carries a terminal: output as binary frames, in order and gapless, and input', async () => {
    const client = await open();
    const { sessionId } = await client.call('terminal/create', { shell: 'sh', cols: 100, rows: 30 });
    await client.call('terminal/attach', { sessionId });
    await client.call('terminal/write', { sessionId, data: 'printf "%s-%s\\n" one grün; seq 1 20000\r' });
    await waitFor('all of the output', () => {
      const last = client.output.at(-1);
      if (last) client.notify('terminal/acknowledge', { sessionId, offset: last.offset + last.data.length });
      // Not the echo of the line that was typed.
      return client.text(sessionId).includes('\n20000\r\n');
    });
    assert.ok(client.text(sessionId).includes('one-grün'));
    await client.call('terminal/write', { sessionId, data: 'exit 3\r' });
    await waitFor('its end', () => client.notifications.some(({ method }) => method === 'terminal/exited'));
    const exited = client.notifications.find(({ method }) => method === 'terminal/exited');
    assert.equal(exited?.params['exitCode'], 3);
    await client.call('terminal/close', { sessionId });
  });

  it('says to who sends a notification as a request how to send it, and where the methods are listed', async () => {
    const client = await open();
    const messageTo = async (method: string): Promise<string> => {
      const { error } = await client.request(method, { id: 1 });
      assert.equal(error?.data.reason, 'UnknownMethod');
      return error.message;
    };
    for (const method of ['$/cancelRequest', 'session/cancel'])
      assert.equal(await messageTo(method), `${method} is no request: send it as a notification, without an id.`);
    assert.match(await messageTo('no/such'), /"no\/such"\. server\/capabilities lists/);
    assert.ok((await client.call('server/capabilities', {})).methods.includes('terminal/attach'));
  });

  it('tells everybody what changes', async () => {
    const [one, other] = [await open(), await open()];
    const { sessionId } = await one.call('terminal/create', { shell: 'sh' });
    await waitFor('the other to be told', () =>
      other.notifications.some(
        ({ method, params }) => method === 'terminal/changed' && params['sessionId'] === sessionId,
      ),
    );
    await one.call('terminal/close', { sessionId });
  });

  it('answers what is no message, goes on, and closes when it is too much', async () => {
    const client = await open();
    for (const text of [
      '{',
      '[]',
      '1',
      'null',
      '{"jsonrpc":"1.0","id":1,"method":"server/health"}',
      '{"jsonrpc":"2.0"}',
    ]) {
      client.socket.send(text);
    }
    await waitFor('the answers', () => client.strays.length === 6);
    assert.deepEqual(
      client.strays.map(({ error }) => error?.data.reason),
      ['ParseError', ...Array.from({ length: 5 }, () => 'InvalidRequest')],
    );
    assert.equal((await client.call('server/health', {})).status, 'ready');
    for (let count = 0; count < 10; count++) client.socket.send('{');
    assert.equal(await client.closed(), 1008);
  });

  it('closes on binary frames, text that is no UTF-8, and messages above 4 MiB', async () => {
    const binary = await open();
    binary.socket.send(Buffer.from([1, 2, 3]));
    assert.equal(await binary.closed(), 1003);
    const large = await open();
    large.socket.send('x'.repeat(4 * 1024 * 1024 + 1));
    assert.equal(await large.closed(), 1009);
    const bytes = await open();
    bytes.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    assert.equal(await bytes.closed(), 1007);
    const exact = await open();
    const empty = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'server/health', params: { x: '' } });
    exact.socket.send(empty.replace('""', `"${'x'.repeat(4 * 1024 * 1024 - empty.length)}"`));
    await waitFor('an answer to exactly 4 MiB', () => exact.strays.length === 1);
    assert.equal(exact.strays[0]?.error?.data.reason, 'InvalidParams');
  });

  it('stands cancellations without an id, and upgrades that are refused to somebody who has gone', async () => {
    const client = await open();
    for (const params of ['', ',"params":null', ',"params":{}', ',"params":{"id":null}']) {
      client.socket.send(`{"jsonrpc":"2.0","method":"$/cancelRequest"${params}}`);
    }
    await waitFor('the answers', () => client.strays.length === 4);
    for (let round = 0; round < 50; round++) {
      const socket = connect(Number(server.url.port), '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write('GET /ws HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      if (round % 2) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    assert.equal((await client.call('server/health', {})).status, 'ready');
  });

  it('does nothing more for a client whose token is revoked, whatever it has sent', async () => {
    const admin = await open();
    const { token, tokenId } = await admin.call('security/issue', { name: 'rude', scope: 'terminal', hours: 1 });
    const rude = await open({ token });
    const { sessionId } = await rude.call('terminal/create', { shell: 'sh' });
    const file = path.join(folder.path, 'written-after');
    // It does not read, and so never sees that it is sent away.
    rude.socket.pause();
    await admin.call('security/revoke', { tokenId });
    rude.socket.send(
      JSON.stringify({
        jsonrpc: '2.0',
        id: 99,
        method: 'terminal/write',
        params: { sessionId, data: `touch ${file}\r` },
      }),
    );
    const { exitCode } = await admin.call('terminal/run', { command: 'sleep 0.5', cwd: folder.path });
    assert.deepEqual([exitCode, existsSync(file)], [0, false]);
    rude.socket.resume();
    assert.ok([1006, 1008].includes(await rude.closed()));
    await admin.call('terminal/close', { sessionId });
  });

  it('answers who rotates the token that it came with, and then sends it away', async () => {
    const admin = await open();
    const { token, tokenId } = await admin.call('security/issue', { name: 'own', scope: 'admin', hours: 1 });
    const client = await open({ token });
    const rotated = await client.call('security/rotate', { tokenId });
    assert.equal(await client.closed(), 1008);
    const again = await open({ token: rotated.token ?? null });
    assert.equal((await again.call('server/health', {})).status, 'ready');
  });

  it('cancels what its client cancels, and what it leaves behind', async () => {
    const client = await open();
    const other = await open();
    const running = async (): Promise<number> =>
      (await other.call('terminal/list', {})).terminals.filter(({ status }) => status === 'active').length;
    const run = () => client.request('terminal/run', { command: 'sleep 600', cwd: folder.path });
    const cancelled = run();
    await waitFor('the command to run', async () => (await running()) === 1);
    client.cancelLast();
    assert.equal((await cancelled).error?.data.reason, 'Cancelled');
    await waitFor('the command to be ended', async () => (await running()) === 0);
    void run();
    await waitFor('the next command to run', async () => (await running()) === 1);
    await client.close();
    await waitFor('that one to be ended too', async () => (await running()) === 0);
  });

  it('lets nobody do more than the token says, and says what is missing', async () => {
    const admin = await open();
    const { token } = await admin.call('security/issue', { name: 'watcher', scope: 'read', hours: 1 });
    const reader = await open({ token });
    await reader.call('terminal/list', {});
    const { error } = await reader.request('terminal/create', {});
    assert.deepEqual([error?.data.reason, error?.code], ['Forbidden', -32006]);
    assert.match(error?.message ?? '', /"terminal".*"read"/);
    const { methods } = await reader.call('server/capabilities', {});
    assert.ok(methods.includes('terminal/list') && !methods.includes('terminal/create'));
    reader.notify('settings/changed', { settings: { 'terminals.max': 1 } });
    const { sessionId: first } = await admin.call('terminal/create', { shell: 'sh' });
    const { sessionId: second } = await admin.call('terminal/create', { shell: 'sh' });
    for (const sessionId of [first, second]) await admin.call('terminal/close', { sessionId });
  });

  it('sends away who came in with a token that is revoked, in the middle of a stream', async () => {
    const admin = await open();
    const { token, tokenId } = await admin.call('security/issue', { name: 'guest', scope: 'terminal', hours: 1 });
    const guest = await open({ token });
    const { sessionId } = await guest.call('terminal/create', { shell: 'sh' });
    await guest.call('terminal/attach', { sessionId });
    await guest.call('terminal/write', { sessionId, data: 'while :; do echo more; sleep 0.05; done\r' });
    await waitFor('output', () => guest.text(sessionId).includes('more\r\n'));
    await admin.call('security/revoke', { tokenId });
    assert.equal(await guest.closed(), 1008);
    await assert.rejects(open({ token }), { message: 'HTTP 401 Unauthenticated' });
    await admin.call('terminal/close', { sessionId });
  });

  it('counts the messages of a token over all of its connections', async () => {
    const admin = await open();
    const { token } = await admin.call('security/issue', { name: 'busy', scope: 'read', hours: 1 });
    const [one, other] = [await open({ token }), await open({ token })];
    const reasons: (string | undefined)[] = [];
    for (let batch = 0; batch < 101; batch++) {
      const batchOf = batch % 2 ? one : other;
      const answers = await Promise.all(Array.from({ length: 10 }, () => batchOf.request('server/info', {})));
      reasons.push(...answers.map(({ error }) => error?.data.reason));
    }
    assert.deepEqual(new Set(reasons.slice(0, 1_000)), new Set([undefined]));
    assert.deepEqual(new Set(reasons.slice(1_000)), new Set(['RateLimited']));
    // Keystrokes and health do not count.
    assert.equal((await one.call('server/health', {})).status, 'ready');
    assert.equal((await admin.request('server/info', {})).error, undefined);
  });

  it('shows a conversation to everybody who may read it, and takes answers of those who may act', async () => {
    const admin = await open();
    const { sessionId } = await admin.call('session/new', { cwd: folder.path });
    const { token } = await admin.call('security/issue', { name: 'watcher', scope: 'read', hours: 1 });
    const reader = await open({ token });
    assert.equal((await reader.call('session/attach', { sessionId })).access, 'write');
    await admin.call('conversation/rename', { sessionId, title: 'From afar' });
    await waitFor('the new title', () => reader.notifications.some(({ method }) => method === 'session/update'));
    const refused = await reader.request('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'Hi' }] });
    assert.equal(refused.error?.data.reason, 'Forbidden');
    await admin.call('session/delete', { sessionId: sessionId });
  });
});
