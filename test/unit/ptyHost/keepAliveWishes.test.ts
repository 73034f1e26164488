import assert from 'node:assert/strict';
import { KeepAliveWishes } from '../../../server/src/ptyHost/keepAliveWishes.ts';

describe('The wishes for how long idle shells are kept', () => {
  let wishes: KeepAliveWishes<string>;
  beforeEach(() => (wishes = new KeepAliveWishes()));

  it('are a day where nobody has any', () => {
    wishes.set('who only looks', undefined);
    assert.equal(wishes.hours, 24);
  });

  it('count as the longest of those who are connected, not as the last', () => {
    wishes.set('one', 100);
    wishes.set('other', 1);
    assert.equal(wishes.hours, 100);
    wishes.set('one', 2);
    assert.equal(wishes.hours, 2, 'one has changed its mind');
    wishes.delete('one');
    assert.equal(wishes.hours, 1);
  });

  it('hold on when the last one has gone, and are not changed by who has none', () => {
    wishes.set('one', 0);
    wishes.set('who only looks', undefined);
    wishes.delete('one');
    wishes.delete('who only looks');
    assert.equal(wishes.hours, 0);
    wishes.set('next', 48);
    assert.equal(wishes.hours, 48);
  });
});
