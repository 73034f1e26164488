import assert from 'node:assert/strict';
import { SizeHistory } from '../../../server/src/ptyHost/sizeHistory.ts';

const size = (cols: number) => ({ cols, rows: 24 });

describe('The sizes a terminal had', () => {
  it('are told from the one in force at an offset on', () => {
    const sizes = new SizeHistory(size(80));
    sizes.change(100, size(90));
    sizes.change(200, size(100));
    assert.deepEqual(
      sizes.from(0).map(({ cols }) => cols),
      [80, 90, 100],
    );
    assert.deepEqual(
      sizes.from(99).map(({ cols }) => cols),
      [80, 90, 100],
    );
    assert.deepEqual(
      sizes.from(100).map(({ cols }) => cols),
      [90, 100],
    );
    assert.deepEqual(sizes.from(1_000), [{ offset: 200, ...size(100) }]);
    assert.deepEqual(sizes.current, size(100));
  });

  it('keep the last of several at one offset, and the last 64 in all', () => {
    const sizes = new SizeHistory(size(80));
    sizes.change(0, size(81));
    assert.deepEqual(sizes.from(0), [{ offset: 0, ...size(81) }]);
    for (let index = 1; index <= 100; index++) sizes.change(index, size(100 + index));
    const kept = sizes.from(0);
    assert.equal(kept.length, 64);
    assert.deepEqual(kept[0], { offset: 37, ...size(137) });
  });
});
