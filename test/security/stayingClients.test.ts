import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Client, RequestContext } from '../../server/src/base/handlers.ts';
import { RawConnection } from '../support/attacks/rawConnection.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { openInProcessDoor, type InProcessDoor } from '../support/inProcessDoor.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

const mib = 1024 * 1024;

/** Clients that stay connected without reading, answering or ending are bounded in time and in what they cost. */
describe('Clients that stay', () => {
  const clients: WebSocketClient[] = [];
  const connections: RawConnection[] = [];
  let clock: FakeClock;
  let limitClock: FakeClock;
  let door: InProcessDoor;
  /** Ends all calls of `server/capabilities` that wait. */
  let release: () => void;
  let asked: Client | undefined;
  let onHealth: (() => void) | undefined;

  beforeEach(async () => {
    onHealth = undefined;
    clock = new FakeClock();
    limitClock = new FakeClock();
    const released = new Promise<void>((resolve) => (release = resolve));
    const handlers = {
      'server/health': () => {
        onHealth?.();
        return { status: 'ready', version: '1', uptimeMs: 1, restarts: 0, components: {} };
      },
      'server/capabilities': () => released.then(() => ({ methods: [] })),
      'server/info': async (_params: object, { client }: RequestContext) => {
        asked = client;
        await client.request('secret/set', { name: 'one', value: 'two' });
        throw new Error('the client has answered');
      },
    };
    door = await openInProcessDoor({
      handlers,
      settings: { 'limits.webSocketMessagesPerMinute': 400 },
      clock,
      limitClock,
    });
  });
  afterEach(async () => {
    release();
    for (const client of clients.splice(0)) client.socket.terminate();
    for (const { socket } of connections.splice(0)) socket.destroy();
    await waitFor('the connections to be gone', () => door.transport.connections().open === 0);
    assert.deepEqual([door.clients.size, door.watched.size], [0, 0]);
    door.transport.dispose();
  });

  async function open(options: Parameters<typeof WebSocketClient.open>[1] = {}): Promise<WebSocketClient> {
    const client = await WebSocketClient.open({ url: door.url, token: 'guest' }, options);
    clients.push(client);
    return client;
  }
  /** Waits until everything that the client has sent so far has come to the server. */
  async function arrived({ socket }: WebSocketClient): Promise<void> {
    const answered = once(socket, 'pong');
    socket.ping();
    await answered;
  }
  /** Tells everybody something of that length. */
  function tellAll(bytes: number): void {
    door.clients.notifyAll('server/healthChanged', { status: 'ready', message: 'x'.repeat(bytes) });
  }

  it('are pinged every twenty seconds, and cut off when they have not answered by the next time', async () => {
    const [deaf, talking, well] = [await open({ autoPong: false }), await open({ autoPong: false }), await open()];
    for (let round = 0; round < 3; round++) {
      const open = [deaf, talking, well].filter(({ socket }) => socket.readyState === WebSocket.OPEN);
      const pinged = Promise.all(open.map(({ socket }) => once(socket, 'ping')));
      clock.advance(19_999);
      talking.notify('$/nothing', {});
      await Promise.all(open.map(arrived));
      clock.advance(1);
      if (round === 0) await pinged;
      else {
        pinged.catch(() => undefined);
        await waitFor('the deaf one to be cut off', () => deaf.closeCode !== undefined);
        await Promise.all([talking, well].map(arrived));
      }
    }
    assert.equal(deaf.closeCode, 1006);
    assert.deepEqual([talking.closeCode, well.closeCode], [undefined, undefined]);
  });

  it('lose their WebSocket where more than sixteen MiB wait for them, while others are told everything', async () => {
    const [deaf, other] = [await open(), await open()];
    deaf.socket.pause();
    for (let count = 1; count <= 30; count++) {
      tellAll(mib);
      await waitFor('the other to be told', () => other.notifications.length === count);
    }
    assert.match(door.log.join('\n'), /A WebSocket is closed: its client does not read/);
    deaf.socket.resume();
    assert.equal(await deaf.closed(), 1013);
    assert.ok(deaf.notifications.length >= 16 && deaf.notifications.length < 30, `${deaf.notifications.length} MiB`);
  });

  it('lose their WebSocket where too much waits of messages that they do not end', async () => {
    // Of 32 MiB.
    const part = Buffer.alloc(3 * mib, ' ');
    const begin = async (): Promise<WebSocketClient> => {
      const client = await open();
      client.socket.send(part, { fin: false, binary: false });
      return client;
    };
    const kept: WebSocketClient[] = [];
    for (let count = 0; count < 10; count++) {
      const client = await begin();
      await arrived(client);
      kept.push(client);
    }
    for (let count = 0; count < 2; count++) assert.equal(await (await begin()).closed(), 1013);
    await Promise.all(kept.map(arrived));
    assert.equal(door.transport.connections().webSockets, 10);
  });

  /** A client of `GET /events` that was answered. */
  async function openEvents(token = 'reader'): Promise<RawConnection> {
    const connection = await RawConnection.open(door);
    connections.push(connection);
    connection.socket.write(`GET /events HTTP/1.1\r\nHost: ${door.url.host}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await waitFor('the stream', () => connection.received.includes('text/event-stream'));
    return connection;
  }

  it('lose their event stream where more than sixteen MiB wait for them', async () => {
    const [deaf, other] = [await openEvents(), await openEvents()];
    deaf.socket.pause();
    let told = 0;
    for (let count = 0; count < 40; count++) {
      tellAll(mib);
      told += mib;
      await waitFor('the other to be told', () => other.received.length > told);
    }
    await waitFor('the deaf one to be cut off', () => door.transport.connections().eventStreams === 1);
    assert.match(door.log.join('\n'), /An event stream is cut off: its client does not read/);
    tellAll(1);
    await waitFor('the other to be told', () => other.received.includes('"message":"x"}'));
  });

  it('are told on an event stream every fifteen seconds that it still is one', async () => {
    const stream = await openEvents();
    for (let count = 1; count <= 3; count++) {
      clock.advance(15_000);
      await waitFor('a sign of life', () => stream.received.split(': still here\n\n').length === count + 1);
    }
  });

  it('may have 256 calls answered at once, and are refused the next one until one is done', async () => {
    const client = await open();
    const calls = Array.from({ length: 256 }, () => client.call('server/capabilities', {}));
    await assert.rejects(client.call('server/capabilities', {}), /ResourceLimit/);
    release();
    await Promise.all(calls);
    assert.deepEqual(await client.call('server/capabilities', {}), { methods: [] });
  });

  it('are answered the first and the last of the pings that they send without reading, and cost no more than that', async () => {
    const client = await open();
    const pongs: string[] = [];
    client.socket.on('pong', (data) => pongs.push(data.toString()));
    client.socket.pause();
    const before = process.memoryUsage().rss;
    const body = 'x'.repeat(100);
    for (let count = 0; count < 300_000; count++) {
      client.socket.ping(`${count} ${body}`);
      if (count % 1_000 === 0) await new Promise(setImmediate);
    }
    await waitFor('all to be sent', () => client.socket.bufferedAmount === 0);
    client.socket.resume();
    await waitFor('the last one', () => pongs.at(-1) === `299999 ${body}`);
    assert.equal(pongs[0], `0 ${body}`);
    assert.ok(pongs.length < 100_000, `${pongs.length} answers`);
    assert.ok(process.memoryUsage().rss - before < 200 * mib);
  });

  const deep = '['.repeat(3_000) + Array.from({ length: 40_000 }, () => '0').join(',') + ']'.repeat(3_000);
  const neither: [string, string][] = [
    ['an id of null', `{"jsonrpc":"2.0","id":null,"method":"x","params":${deep}}`],
    ['an endless id', `{"jsonrpc":"2.0","id":1e999,"method":"x","params":${deep}}`],
    ['an answer that is none', `{"jsonrpc":"2.0","id":1,"error":0,"more":${deep}}`],
    ['an error of nothing', `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x","data":${deep}}}`],
    ['a method that is no name', `{"jsonrpc":"2.0","id":1,"method":5,"result":${deep}}`],
  ];
  for (const [name, text] of neither) {
    it(`are sent away when they go on to send ${name}, which costs no more than to read it`, async () => {
      const client = await open();
      const startedAt = performance.now();
      for (let count = 0; count < 11; count++) client.socket.send(text);
      assert.equal(await client.closed(), 1008);
      const most = performance.now() - startedAt;
      assert.ok(most < 1_500, `${most} ms; written out with indentation each takes as long`);
    });
  }

  it('get one answer for each id, and may not use one again while it has none', async () => {
    const client = await open();
    const ask = (id: string | number, method: string): void =>
      client.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params: {} }));
    for (const id of [7, '7', 7]) ask(id, 'server/capabilities');
    await waitFor('the refusals', () => client.strays.length === 2);
    assert.deepEqual(
      client.strays.map(({ id, error }) => [id, error?.data.reason]),
      [
        [null, 'InvalidRequest'],
        [null, 'InvalidRequest'],
      ],
    );
    release();
    await waitFor('the answer', () => client.strays.length === 3);
    ask(7, 'server/health');
    await waitFor('the next answer', () => client.strays.length === 4);
    assert.deepEqual([client.strays[2]?.id, client.strays[3]?.id], [7, 7]);
  });

  it('may not fill the memory from many connections that read nothing', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, () => open()));
    const other = await WebSocketClient.open({ url: door.url, token: 'other' });
    clients.push(other);
    for (const client of all) client.socket.pause();
    for (let count = 1; count <= 10; count++) {
      tellAll(mib);
      await waitFor('the other to be told', () => other.notifications.length === count);
    }
    assert.match(door.log.join('\n'), /A WebSocket is closed: its client does not read/);
    for (const client of all) client.socket.resume();
    await waitFor('some to be closed', () => all.some(({ closeCode }) => closeCode === 1013));
    assert.equal(other.closeCode, undefined);
  });

  it('may not fill the memory from event streams and WebSockets together, which have one share', async () => {
    const [webSockets, streams] = await Promise.all([
      Promise.all(Array.from({ length: 5 }, () => open())),
      Promise.all(Array.from({ length: 5 }, () => openEvents('guest'))),
    ]);
    const other = await openEvents();
    for (const { socket } of [...webSockets, ...streams]) socket.pause();
    let told = 0;
    // Of 64 MiB either have 62.5 at most, since the system takes some on the way.
    for (let count = 1; count <= 15; count++) {
      tellAll(mib);
      told += mib;
      await waitFor('the other to be told', () => other.received.length > told);
    }
    await waitFor('some to go', () => /is (?:closed|cut off): its client does not read/.test(door.log.join('\n')));
    assert.ok(!other.isEnded);
  });

  it('may send so many long messages, and no more, each as many calls as it has pieces of 64 KiB', async () => {
    const client = await open();
    const long = JSON.stringify({ jsonrpc: '2.0', method: '$/nothing', params: ['x'.repeat(3.9 * mib)] });
    // Each is 63 pieces; six of them are 378 of 400.
    for (let count = 0; count < 6; count++) client.socket.send(long);
    assert.equal((await client.call('server/health', {})).status, 'ready');
    client.socket.send(long);
    assert.equal(await client.closed(), 1013);
  });

  it('are counted whatever they notify', async () => {
    const client = await open();
    for (const method of ['$/progress', '$/logTrace', '$/setTrace']) {
      for (let count = 0; count < 150; count++) client.notify(method, { token: 1, value: 1 });
    }
    await assert.rejects(client.call('server/capabilities', {}), /RateLimited/);
  });

  const answer = (id: unknown): string => JSON.stringify({ jsonrpc: '2.0', id, result: {} });

  it('may answer what they were asked, and are sent away when they answer again and again what nobody asked', async () => {
    const client = await open();
    const call = client.call('server/info', {});
    const { id } = await waitFor('the question', () => client.questions[0]);
    client.socket.send(answer(id));
    await assert.rejects(call, /Internal/);
    for (const stray of [id, null, 'x', -1, 2 ** 40, id, 5, 6, 7, 8]) client.socket.send(answer(stray));
    assert.equal((await client.call('server/health', {})).status, 'ready');
    client.socket.send(answer(9));
    assert.equal(await client.closed(), 1008);
    assert.ok(asked);
  });

  it('have nothing done that came behind the end of their token', async () => {
    const client = await open();
    const call = (id: number, method: string): string => JSON.stringify({ jsonrpc: '2.0', id, method, params: {} });
    onHealth = () => door.watched.get('guest')?.();
    // In one piece, so that all of it has come when the first is worked off.
    const stream = (client.socket as unknown as { _socket: Socket })._socket;
    stream.cork();
    client.socket.send(call(1, 'server/health'));
    for (let id = 2; id < 100; id++) client.socket.send(call(id, 'server/methods'));
    stream.uncork();
    assert.equal(await client.closed(), 1008);
    assert.doesNotMatch(door.log.join('\n'), /server\/methods/);
  });

  it('may take calls back as often as they may call', async () => {
    const client = await open();
    for (let count = 0; count < 401; count++) client.notify('$/cancelRequest', { id: count });
    await waitFor('the refusal', () => door.log.some((line) => line.includes('$/cancelRequest was not run')));
    limitClock.advance(60_000);
    const call = client.call('server/capabilities', {});
    client.cancelLast();
    await assert.rejects(call, /Cancelled/);
  });
});
