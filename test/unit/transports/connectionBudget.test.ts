import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ConnectionBudget } from '../../../server/src/transports/connectionBudget.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';

const owner = { tokenId: 'dataFolder', isOwner: true };
const guest = (tokenId: string) => ({ tokenId, isOwner: false });

describe('The budget of connections', () => {
  let listener: Server;
  let clock: FakeClock;
  let budget: ConnectionBudget;
  const clients: Socket[] = [];
  const accepted: Socket[] = [];

  beforeEach(async () => {
    clock = new FakeClock();
    budget = new ConnectionBudget(clock, { all: 8, strangers: 4, ofGuest: 2, ofGuests: 3 });
    listener = createServer((socket) => {
      accepted.push(socket);
      budget.accept(socket);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
  });
  afterEach(async () => {
    budget.dispose();
    for (const client of clients.splice(0)) client.destroy();
    listener.close();
    await once(listener, 'close');
    accepted.length = 0;
    await waitFor('all connections to be forgotten', () => budget.size === 0);
    assert.equal(clock.pending, 0);
  });

  /** The server's end of a new connection. */
  async function open(): Promise<Socket> {
    const { port } = listener.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    clients.push(client);
    const before = accepted.length;
    return waitFor('the connection', () => accepted[before]);
  }
  async function openAs(bearer: { tokenId: string; isOwner: boolean }): Promise<Socket> {
    const socket = await open();
    assert.equal(budget.recognize(socket, bearer), true);
    return socket;
  }

  it('gives a guest its share and no more, until one of its connections ends', async () => {
    const first = await openAs(guest('a'));
    await openAs(guest('a'));
    const third = await open();
    assert.equal(budget.recognize(third, guest('a')), false);
    assert.equal(budget.recognize(third, guest('b')), true);
    first.destroy();
    await waitFor('it to end', () => budget.size === 2);
    await openAs(guest('a'));
  });

  it('gives all guests together theirs, so that the owner is never locked out', async () => {
    for (const id of ['a', 'a', 'b']) await openAs(guest(id));
    assert.equal(budget.recognize(await open(), guest('c')), false);
    for (let count = 0; count < 4; count++) await openAs(owner);
    assert.equal(budget.size, 8);
  });

  it('counts a connection once, however often its token is shown on it', async () => {
    const socket = await openAs(guest('a'));
    for (let request = 0; request < 10; request++) assert.equal(budget.recognize(socket, guest('a')), true);
    await openAs(guest('a'));
  });

  it('leaves a connection with the token that it was let in with where another one has no room', async () => {
    const shared = await openAs(guest('a'));
    await openAs(guest('b'));
    await openAs(guest('b'));
    for (let round = 0; round < 3; round++) assert.equal(budget.recognize(shared, guest('b')), false);
    assert.equal(budget.strangerOn(shared), undefined);
    // All places of guests are taken, and that of the first one is still its own.
    assert.equal(budget.recognize(await open(), guest('c')), false);
    assert.equal(budget.recognize(shared, guest('a')), true);
  });

  it('counts a connection for the token that was shown last', async () => {
    const socket = await openAs(guest('a'));
    await openAs(guest('a'));
    assert.equal(budget.recognize(socket, owner), true);
    await openAs(guest('a'));
  });

  it('sends the oldest stranger away where all places are taken, and the newcomer only where there is none', async () => {
    for (let count = 0; count < 6; count++) await openAs(owner);
    const [oldest, other] = [await open(), await open()];
    const newcomer = await open();
    await waitFor('the oldest to go', () => oldest.destroyed && budget.size === 8);
    assert.deepEqual([other.destroyed, newcomer.destroyed], [false, false]);
    for (const socket of [other, newcomer]) assert.equal(budget.recognize(socket, owner), true);
    const last = await open();
    await waitFor('the newcomer to go', () => last.destroyed && budget.size === 8);
  });

  it('sends the oldest stranger away where strangers are too many, and each after ten seconds', async () => {
    const strangers = [];
    for (let count = 0; count < 5; count++) strangers.push(await open());
    await waitFor('the oldest to go', () => budget.size === 4);
    assert.deepEqual(
      strangers.map(({ destroyed }) => destroyed),
      [true, false, false, false, false],
    );
    assert.equal(budget.recognize(strangers[1]!, owner), true);
    clock.advance(9_999);
    assert.equal(budget.size, 4);
    clock.advance(1);
    await waitFor('the others to go', () => budget.size === 1);
    assert.equal(strangers[1]?.destroyed, false);
  });
});
