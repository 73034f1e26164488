import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OutputBudget } from '../../../server/src/terminals/outputBudget.ts';

describe('The output budget', () => {
  it('keeps everything that fits, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 20 })), (pieces) => {
        const budget = new OutputBudget(10_000);
        for (const piece of pieces) budget.add(Buffer.from(piece));
        assert.equal(budget.text(), pieces.join(''));
        assert.equal(budget.isTruncated, false);
      }),
    );
  });

  it('keeps the start and the end, and says how much is missing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 5 }), (sizes) => {
        const whole = sizes.map((size, index) => String.fromCharCode(97 + (index % 26)).repeat(size)).join('');
        const budget = new OutputBudget(20);
        let at = 0;
        for (const size of sizes) {
          budget.add(Buffer.from(whole.slice(at, at + size)));
          at += size;
        }
        if (whole.length <= 20) assert.equal(budget.text(), whole);
        else {
          assert.ok(budget.text().startsWith(`${whole.slice(0, 10)}\n`));
          assert.ok(budget.text().endsWith(`\n${whole.slice(-10)}`));
          assert.ok(budget.text().includes(`${whole.length - 20} bytes`));
        }
      }),
    );
  });
});
