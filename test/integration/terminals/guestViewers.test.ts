import assert from 'node:assert/strict';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { ScreenWorld } from '../../support/screenWorld.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

const never = new AbortController().signal;
const [ofGuest, ofGuests] = [128, 512];

describe('Guests that watch terminals', function () {
  this.timeout(60_000);
  const clients: TestClient[] = [];
  let world: ScreenWorld;
  let sessionId: TerminalId;

  before(async () => {
    world = await ScreenWorld.open();
    sessionId = await world.run('sleep 1000');
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(() => world.close());

  async function attach(client: TestClient, id = sessionId): Promise<TestClient> {
    clients.push(client);
    await world.viewers.attach(client, { sessionId: id, fromOffset: 0, canAnswer: false }, never);
    return client;
  }
  const guest = (tokenId: string): TestClient => new TestClient('webSocket', tokenId, 'read');
  const owner = (): TestClient => new TestClient('webSocket', 'dataFolder');
  function attachMany(tokenId: string, count: number): Promise<TestClient[]> {
    return Promise.all(Array.from({ length: count }, () => attach(guest(tokenId))));
  }
  async function refusal(tokenId: string): Promise<string> {
    const error: unknown = await attach(guest(tokenId)).catch((refused: unknown) => refused);
    assert.ok(error instanceof CodedError);
    assert.equal(error.reason, 'ResourceLimit');
    return error.message;
  }

  it('leave room for the owner and for other guests, however many clients each of them has', async () => {
    const [first, second] = await attachMany('a', ofGuest);
    assert.ok(first && second);
    assert.match(await refusal('a'), /^The clients of this token watch 128 terminals, .* Detach from one first\.$/);
    await attach(guest('b'));
    await attach(owner());
    // A place is free again when its client lets go, goes away, or could not be attached at all.
    world.viewers.detach(first, sessionId);
    await attach(guest('a'));
    second.close();
    const missing = '0'.repeat(32) as TerminalId;
    for (let count = 0; count < 2; count++) await assert.rejects(attach(guest('a'), missing), { reason: 'NotFound' });
    await attach(guest('a'));
    await refusal('a');
  });

  it('share a limit, so that many tokens shut the owner out no more than one does', async () => {
    for (const tokenId of ['a', 'b', 'c', 'd']) await attachMany(tokenId, ofGuests / 4);
    assert.match(await refusal('e'), /^The clients of all tokens made for others together watch 512 terminals, /);
    await Promise.all(Array.from({ length: ofGuests }, () => attach(owner())));
  });

  it('have one place for a terminal however often they attach to it, and none once it has ended', async () => {
    const own = await attachMany('a', ofGuest - 2);
    for (const client of own.slice(0, 3)) await attach(client);
    const ending = await world.run('sleep 1000');
    await attach(guest('a'), ending);
    await attach(guest('a'));
    await refusal('a');
    await world.terminals.close(ending);
    await waitFor('the place to be free', () => attach(guest('a')).catch(() => undefined));
    await refusal('a');
  });

  it('keep no terminal from being ended that only they watch, unless they may type into it', async () => {
    const asker = owner();
    const watched = (): Promise<boolean> => world.viewers.isWatchedByOthers(asker, sessionId);
    await waitFor('the others to be gone', async () => !(await watched()));
    await attach(asker);
    for (const scope of ['read', 'agent'] as const) await attach(new TestClient('webSocket', 'a', scope));
    assert.equal(await watched(), false);
    await attach(new TestClient('webSocket', 'a', 'terminal'));
    assert.equal(await watched(), true);
  });
});
