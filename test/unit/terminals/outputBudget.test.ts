import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OutputBudget } from '../../../server/src/terminals/commands/outputBudget.ts';

describe('The output budget', () => {
  it('keeps everything that fits, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 20 })), (pieces) => {
        const budget = new OutputBudget(10_000);
        for (const piece of pieces) budget.add(Buffer.from(piece));
        assert.equal(budget.kept().text, pieces.join(''));
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
        const { text, omittedBytes } = budget.kept();
        if (whole.length <= 20) assert.equal(text, whole);
        else {
          assert.ok(text.startsWith(`${whole.slice(0, 10)}\n`));
          assert.ok(text.endsWith(`\n${whole.slice(-10)}`));
          assert.equal(omittedBytes, whole.length - 20);
          assert.ok(text.includes(`${omittedBytes} bytes`));
        }
      }),
    );
  });

  it('cuts at the ends of lines where one is near, and counts what that leaves out', () => {
    const lines = Array.from({ length: 1_000 }, (_value, index) => `line ${index}\n`).join('');
    const budget = new OutputBudget(100);
    budget.add(Buffer.from(lines));
    const { text, omittedBytes } = budget.kept();
    const [head = '', tail = ''] = text.split(/\[….*…\]\n/);
    assert.match(head, /^(line \d+\n)+$/);
    assert.match(tail, /^(line \d+\n)+$/);
    assert.equal(head.length + tail.length + omittedBytes, lines.length);
  });

  it('counts a part that was lost on the way as left out', () => {
    const budget = new OutputBudget(100);
    budget.add(Buffer.from('start'));
    budget.skip(1_000);
    budget.add(Buffer.from('end'));
    assert.equal(budget.kept().text, 'start\n[… 1000 bytes of output left out …]\nend');
    assert.equal(budget.hasRoomFor(1), false);
  });
});
