import assert from 'node:assert/strict';
import { GuestPlaces, guestTokenOf } from '../../../server/src/base/guests.ts';

const [owner, shell, one, other, third] = [
  { tokenId: 'dataFolder' },
  {},
  { tokenId: 'a' },
  { tokenId: 'b' },
  { tokenId: 'c' },
];

describe('Places that guests take', () => {
  let places: GuestPlaces;
  beforeEach(() => {
    places = new GuestPlaces({ ofGuest: 2, ofGuests: 3, refusal: (of) => new Error(`too many ${of}`) });
  });

  it('are counted by token and for all of them together, and never for the owner', () => {
    for (let count = 0; count < 10; count++) [owner, shell].forEach((client) => places.take(client));
    for (const client of [one, one, other]) places.take(client);
    assert.throws(() => places.take(one), /^Error: too many ofGuest$/);
    assert.throws(() => places.take(third), /^Error: too many ofGuests$/);
    [owner, shell].forEach((client) => places.take(client));
  });

  it('are free again once they are given back, and once only', () => {
    const [first] = [places.take(one), places.take(one), places.take(other)];
    first.dispose();
    first.dispose();
    places.take(third);
    assert.throws(() => places.take(one), /ofGuests/);
  });

  it('are those of tokens that were made for others', () => {
    assert.deepEqual([owner, shell, one].map(guestTokenOf), [undefined, undefined, 'a']);
  });
});
