import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Bearer } from '../../../server/src/base/door.ts';
import type { Disposable } from '../../../server/src/base/disposable.ts';
import { ByteBudget } from '../../../server/src/transports/byteBudget.ts';
import { UnfinishedMessages } from '../../../server/src/transports/unfinishedMessages.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';

const guest: Bearer = { tokenId: 'guest', name: 'guest', scope: 'read', isOwner: false, digest: 'd' };
const other: Bearer = { ...guest, tokenId: 'other' };
const owner: Bearer = { ...guest, tokenId: 'dataFolder', isOwner: true };

interface Pair {
  readonly client: WebSocket;
  readonly stream: Socket;
  /** Of the server's end. */
  readonly socket: WebSocket;
  readonly exceeded: string[];
}

describe('What waits of unfinished messages', () => {
  let clock: FakeClock;
  let listener: Server;
  let webSockets: WebSocketServer;
  let budget: ByteBudget;
  let unfinished: UnfinishedMessages;
  const pairs: Pair[] = [];
  const watches: Disposable[] = [];

  beforeEach(async () => {
    clock = new FakeClock();
    budget = new ByteBudget({ ofOwner: 10_000, ofGuest: 1_000, ofGuests: 2_500 });
    unfinished = new UnfinishedMessages(clock, budget);
    listener = createServer();
    webSockets = new WebSocketServer({ noServer: true });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.dispose();
    assert.equal(clock.pending, 0);
    for (const { client } of pairs.splice(0)) client.terminate();
    await waitFor('the WebSockets to end', () => webSockets.clients.size === 0);
    webSockets.close();
    listener.close();
    await once(listener, 'close');
  });

  async function open(bearer: Bearer): Promise<Pair> {
    const accepted = new Promise<[WebSocket, Socket]>((resolve) => {
      listener.once('upgrade', (request, _stream, head) => {
        webSockets.handleUpgrade(request, request.socket, head, (socket) => resolve([socket, request.socket]));
      });
    });
    const client = new WebSocket(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`);
    const [[socket, stream]] = await Promise.all([accepted, once(client, 'open')]);
    const exceeded: string[] = [];
    watches.push(unfinished.watch({ stream, socket, bearer }, (why) => exceeded.push(why)));
    const pair = { client, stream, socket, exceeded };
    pairs.push(pair);
    return pair;
  }
  /** Sends a part and waits until it has come. */
  async function part({ client, stream }: Pair, bytes: number, fin = false): Promise<void> {
    const before = stream.bytesRead;
    client.send(Buffer.alloc(bytes, 'x'), { fin, binary: false });
    await waitFor('it to come', () => stream.bytesRead >= before + bytes);
  }

  it('may wait for half a minute, from its first byte on', async () => {
    const pair = await open(owner);
    await part(pair, 10);
    clock.advance(29_000);
    await part(pair, 10);
    assert.deepEqual(pair.exceeded, []);
    clock.advance(1_000);
    assert.equal(pair.exceeded.length, 1);
  });

  it('is forgotten once the message is complete', async () => {
    const pair = await open(guest);
    for (let count = 0; count < 5; count++) {
      await part(pair, 400);
      await part(pair, 400, true);
      assert.equal(clock.pending, 0);
    }
    assert.deepEqual(pair.exceeded, []);
  });

  it('counts for all WebSockets of a guest together, not for others, and the owner has a limit of its own', async () => {
    const [first, second, stranger, own] = [await open(guest), await open(guest), await open(other), await open(owner)];
    await part(first, 600);
    await part(stranger, 600);
    await part(own, 5_000);
    assert.deepEqual(
      [first, second, stranger, own].flatMap(({ exceeded }) => exceeded),
      [],
    );
    await part(second, 600);
    assert.deepEqual([first.exceeded.length, second.exceeded.length], [0, 1]);
    await part(own, 4_900);
    assert.equal(own.exceeded.length, 0);
    await part(own, 200);
    assert.equal(own.exceeded.length, 1);
  });

  it('counts for all guests together, too', async () => {
    const pairs = [await open(guest), await open(other), await open({ ...guest, tokenId: 'third' }), await open(owner)];
    for (const pair of pairs.slice(0, 2)) await part(pair, 900);
    assert.deepEqual(
      pairs.map(({ exceeded }) => exceeded.length),
      [0, 0, 0, 0],
    );
    for (const pair of pairs.slice(2)) await part(pair, 900);
    assert.deepEqual(
      pairs.map(({ exceeded }) => exceeded.length),
      [0, 0, 1, 0],
    );
  });

  it('counts between pings, which are no part of it', async () => {
    const pair = await open(guest);
    for (let count = 0; count < 100; count++) {
      const pinged = once(pair.socket, 'ping');
      pair.client.ping('x'.repeat(50));
      await pinged;
    }
    assert.equal(clock.pending, 0);
    await part(pair, 600);
    const pinged = once(pair.socket, 'ping');
    pair.client.ping('');
    await pinged;
    assert.deepEqual(pair.exceeded, []);
    await part(pair, 600);
    assert.equal(pair.exceeded.length, 1);
  });
});
