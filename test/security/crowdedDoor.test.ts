import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import * as path from 'node:path';
import { hostileParams, malformedFrames } from '../support/attacks/malformedBytes.ts';
import { openRawWebSocket } from '../support/attacks/rawConnection.ts';
import { HttpServer } from '../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../support/ptyHostOf.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

/** From one client. */
const frames = Number(process.env['DOOR_FRAMES'] ?? 200_000);

/** Who opens connections, says nothing, reads nothing or sends too much harms nobody but itself. */
describe('The door when many come', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  let server: HttpServer;
  const sockets: Socket[] = [];
  const clients: WebSocketClient[] = [];

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      '{"limits.webSocketMessagesPerMinute": 10000000, "limits.apiPerMinute": 10000000, "limits.terminalPerSecond": 1000}',
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const client of clients.splice(0)) client.socket.terminate();
    await waitFor('the connections to be gone', async () => (await numberOf('webSockets')) === 0);
  });
  after(async () => {
    await server.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function numberOf(kind: string): Promise<number> {
    const answer = await fetch(`${server.url.origin}/metrics`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    return Number(new RegExp(`ai_dev_assistant_connections\\{kind="${kind}"\\} (\\d+)`).exec(await answer.text())?.[1]);
  }
  async function open(): Promise<WebSocketClient> {
    const client = await WebSocketClient.open(server);
    clients.push(client);
    return client;
  }
  /** A connection that has been made and says nothing yet. */
  async function stranger(): Promise<Socket> {
    const socket = connect(Number(server.url.port), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return socket;
  }

  it('lets in who has the token while thirteen hundred say nothing', async () => {
    for (let count = 0; count < 1_300; count += 100) await Promise.all(Array.from({ length: 100 }, () => stranger()));
    assert.equal((await server.call('server/health', {})).status, 200);
    const client = await open();
    assert.equal((await client.call('server/health', {})).status, 'ready');
    await waitFor('all but the last thousand to be sent away', () => sockets.filter((one) => one.closed).length >= 300);
  });

  it('sends away who sends a byte a second, and says nothing, after ten seconds', async () => {
    const [slow, silent] = [await stranger(), await stranger()];
    const drip = setInterval(() => slow.write('G'), 1_000);
    try {
      const startedAt = performance.now();
      await waitFor('both to be sent away', () => slow.closed && silent.closed, 30_000);
      assert.ok(performance.now() - startedAt > 5_000, 'they had time to speak');
    } finally {
      clearInterval(drip);
    }
  });

  it('serves a hundred WebSockets at once, and tells each of them what changes', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => open()));
    const { sessionId } = await all[0]!.call('terminal/create', { shell: 'sh' });
    await waitFor('everybody to be told', () =>
      all.every(({ notifications }) => notifications.some(({ params }) => params['sessionId'] === sessionId)),
    );
    await all[0]!.call('terminal/close', { sessionId });
  });

  it('holds a thousand WebSockets, and refuses no caller beside them', async () => {
    for (let count = 0; count < 1_000; count += 50) await Promise.all(Array.from({ length: 50 }, () => open()));
    assert.equal(await numberOf('webSockets'), 1_000);
    const answers = await Promise.all(clients.map((client) => client.call('server/health', {})));
    assert.ok(answers.every(({ status }) => status === 'ready'));
    assert.equal((await server.call('server/health', {})).status, 200);
  });

  it('gives a guest a quarter of the places and all guests half of them, and lets the owner in beside them', async () => {
    const admin = await open();
    const guests = await Promise.all(
      ['one', 'two', 'three'].map((name) => admin.call('security/issue', { name, scope: 'read', hours: 1 })),
    );
    const openAs = async (token: string, count: number): Promise<void> => {
      for (let opened = 0; opened < count; opened += 50) {
        const batch = Array.from({ length: Math.min(50, count - opened) }, async () => {
          clients.push(await WebSocketClient.open(server, { token }));
        });
        await Promise.all(batch);
      }
    };
    const [one, two, three] = guests.map(({ token }) => token) as [string, string, string];
    const refused = { message: 'HTTP 429 ResourceLimit' };
    await openAs(one, 550);
    await assert.rejects(openAs(one, 1), refused);
    await openAs(two, 550);
    await assert.rejects(openAs(three, 1), refused);
    const answer = await server.send({ path: '/api', method: 'GET', headers: { authorization: `Bearer ${three}` } });
    assert.deepEqual([answer.status, answer.body['error'], answer.headers.connection], [429, 'ResourceLimit', 'close']);
    assert.equal((await server.call('server/health', {})).status, 200);
    await open();
    clients[1]?.socket.terminate();
    await waitFor('a place', async () => (await numberOf('webSockets')) === 1_101);
    await openAs(three, 1);
  });

  it('bounds what waits for a client that never reads, while others go on', async () => {
    const [deaf, other] = [await open(), await open()];
    const { sessionId } = await other.call('terminal/create', { shell: 'sh' });
    await deaf.call('terminal/attach', { sessionId });
    await other.call('terminal/attach', { sessionId });
    deaf.socket.pause();
    other.socket.on('message', () => {
      const last = other.output.at(-1);
      if (last) other.notify('terminal/acknowledge', { sessionId, offset: last.offset + last.data.length });
    });
    await other.call('terminal/write', { sessionId, data: 'seq 1 10000000; echo the-end\r' });
    await waitFor(
      'the other to have read all of the hundred megabytes',
      () => Buffer.concat(other.output.slice(-3).map(({ data }) => data)).includes('\nthe-end'),
      60_000,
    );
    deaf.socket.resume();
    // Answers come in order, so that all that waited has come before this one.
    assert.equal((await deaf.call('server/health', {})).status, 'ready');
    const waited = deaf.output.reduce((sum, { data }) => sum + data.length, 0);
    assert.ok(waited < 20e6, `${waited} bytes of a hundred million waited for it`);
    assert.equal((await other.call('server/health', {})).status, 'ready');
    await other.call('terminal/close', { sessionId });
  });

  /** Resident memory of the server in MiB. */
  function memory(): number {
    const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  const floods = [
    { kind: 'message', count: frames },
    // So many that their answers would be more than what may wait for a client.
    { kind: 'ping', count: Math.max(frames, 500_000) },
  ];
  for (const { kind, count } of floods) {
    it(`answers others while one client sends ${count} times a small ${kind} and reads nothing`, async () => {
      const other = await open();
      const flooder = spawn(
        process.execPath,
        ['--no-warnings', path.join(import.meta.dirname, 'floodingProcess.ts'), server.url.port, String(count), kind],
        { env: { ...process.env, TOKEN: server.token }, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(flooder, 'exit');
      let said = '';
      flooder.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const before = memory();
      const times: number[] = [];
      let most = 0;
      try {
        await waitFor(
          'all frames to be taken',
          async () => {
            const startedAt = performance.now();
            assert.equal((await other.call('server/health', {})).status, 'ready');
            times.push(performance.now() - startedAt);
            most = Math.max(most, memory() - before);
            return said !== '';
          },
          110_000,
        );
      } finally {
        flooder.kill('SIGKILL');
        await exited;
      }
      times.sort((one, two) => one - two);
      const slowest = times.at(-1) ?? 0;
      console.log(`      health after ${Math.ceil(slowest)} ms at most, ${Math.ceil(most)} MiB more memory at most`);
      // Half of them, since a machine that does other things at a time delays some.
      assert.ok((times[Math.floor(times.length / 2)] ?? 0) < 1_000);
      assert.ok(most < 300, `${most} MiB`);
      assert.match(said, /^sent/);
    });
  }

  it('refuses what is nested too deep, holds too much or names a prototype', async () => {
    const client = await open();
    for (const [index, { bytes }] of hostileParams.entries())
      client.socket.send(`{"jsonrpc":"2.0","id":"hostile ${index}","method":"server/health","params":${bytes}}`);
    await waitFor('the answers', () => client.strays.length === hostileParams.length);
    const reasons = new Set(client.strays.map(({ error }) => error?.data.reason));
    assert.deepEqual([...reasons], ['InvalidParams']);
  });

  it('closes on lengths and frames that cannot be', async () => {
    for (const { name, bytes } of malformedFrames) {
      const connection = await openRawWebSocket(server);
      sockets.push(connection.socket);
      connection.socket.write(Buffer.from(bytes));
      await connection.ended(name);
    }
    assert.equal((await server.call('server/health', {})).status, 200);
  });
});
