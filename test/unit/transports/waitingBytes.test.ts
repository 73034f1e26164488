import assert from 'node:assert/strict';
import { ByteBudget, type ByteHolder } from '../../../server/src/transports/byteBudget.ts';
import { WaitingBytes } from '../../../server/src/transports/waitingBytes.ts';

const mib = 1024 * 1024;
const guest: ByteHolder = { tokenId: 'guest', isOwner: false };
const other: ByteHolder = { tokenId: 'other', isOwner: false };
const owner: ByteHolder = { tokenId: 'owner', isOwner: true };

describe('What waits for a client', () => {
  let budget: ByteBudget;
  beforeEach(() => {
    budget = new ByteBudget({ ofOwner: 20 * mib, ofGuest: 4 * mib, ofGuests: 6 * mib });
  });

  /** Clients for each of which so many bytes wait. */
  function behind(bytes: number, count: number, holder = guest): WaitingBytes[] {
    return Array.from({ length: count }, () => {
      const waiting = new WaitingBytes(budget, holder);
      waiting.add(bytes);
      return waiting;
    });
  }
  const isTooMuch = (waiting: WaitingBytes[], bytes = 1): boolean[] =>
    waiting.map((client) => client.isTooMuchWith(bytes));

  it('is sixteen MiB at most, also where nothing else waits for its token', () => {
    budget = new ByteBudget({ ofOwner: 100 * mib, ofGuest: 100 * mib, ofGuests: 100 * mib });
    assert.deepEqual(isTooMuch(behind(16 * mib, 1)), [false]);
    assert.deepEqual(isTooMuch(behind(16 * mib + 1, 1)), [true]);
  });

  it('may be more than its share until too much waits for its token', () => {
    const clients = behind(2 * mib, 2);
    assert.deepEqual(isTooMuch(clients), [false, false]);
    behind(1, 1);
    assert.deepEqual(isTooMuch(clients), [true, true]);
    assert.deepEqual(isTooMuch(behind(mib, 1)), [false], 'who is not far behind stays');
  });

  it('may be more than its share until too much waits for all guests, which is nothing to the owner', () => {
    const [one, another, ours] = [behind(3 * mib, 1), behind(3 * mib, 1, other), behind(10 * mib, 1, owner)];
    assert.deepEqual(isTooMuch([...one, ...another, ...ours]), [false, false, false]);
    behind(1, 1, other);
    assert.deepEqual(isTooMuch([...one, ...another, ...ours]), [true, true, false]);
  });

  it('is no long text more where twice too much waits for its token, however little waits for the client', () => {
    behind(2 * mib, 4);
    assert.deepEqual(isTooMuch(behind(0, 1), 3 * mib), [false]);
    behind(1, 1);
    assert.deepEqual(isTooMuch(behind(0, 1), 3 * mib), [true]);
    assert.deepEqual(isTooMuch(behind(0, 1), mib), [false], 'who is not far behind is told what is short');
    assert.deepEqual(isTooMuch(behind(0, 1, other), 3 * mib), [false], 'another token has its own share');
  });

  it('counts until it is taken, or the client has gone, once', () => {
    const client = new WaitingBytes(budget, guest);
    const [first, second] = [client.add(3 * mib), client.add(2 * mib)];
    assert.ok(budget.isExceededBy(guest));
    first();
    assert.equal(client.size, 2 * mib);
    assert.ok(!budget.isExceededBy(guest));
    client.dispose();
    second();
    client.dispose();
    assert.equal(client.size, 0);
    behind(4 * mib, 1);
    assert.ok(!budget.isExceededBy(guest));
    behind(1, 1);
    assert.ok(budget.isExceededBy(guest));
  });
});
