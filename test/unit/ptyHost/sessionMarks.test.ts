import assert from 'node:assert/strict';
import fc from 'fast-check';
import { maxMarkBytes } from '../../../server/src/ptyHost/markScanner.ts';
import { SessionMarks } from '../../../server/src/ptyHost/sessionMarks.ts';
import type { PtyMark } from '../../../server/src/ptyProtocol/messages.ts';

const secret = 'abcdefghijklmnop';
const marked = (text: string) => `\x1b]${text};${secret}\x07`;

/** The marks in `output`, given in the pieces that end at `cuts`. */
function scan(output: string | Buffer, cuts: readonly number[] = []): { marks: SessionMarks; told: PtyMark[] } {
  const told: PtyMark[] = [];
  const marks = new SessionMarks({ secret, now: () => 5, onMark: (mark) => told.push(mark) });
  const bytes = Buffer.from(output);
  let from = 0;
  for (const to of [...new Set(cuts.filter((cut) => cut < bytes.length))].sort((a, b) => a - b).concat(bytes.length)) {
    marks.push(bytes.subarray(from, to), from);
    from = to;
  }
  return { marks, told };
}
const textsIn = (output: string, cuts?: readonly number[]) => scan(output, cuts).told.map(({ text }) => text);

describe('Marks in the output of a session', () => {
  it('are the sequences that end with the secret, with their place in the output', () => {
    const { told } = scan(`before${marked('633;D;1')}after`);
    assert.deepEqual(told, [
      { index: 0, offset: 6, endOffset: 6 + marked('633;D;1').length, atMs: 5, text: '633;D;1' },
    ]);
  });

  it('end with BEL or with ESC and backslash', () => {
    assert.deepEqual(textsIn(`\x1b]one;${secret}\x1b\\${marked('two')}`), ['one', 'two']);
  });

  it('cannot be forged by output that does not know the secret', () => {
    const forged = [
      '\x1b]633;D;0\x07',
      `\x1b]633;D;0;${secret}`,
      `\x1b]633;D;0;x${secret}\x07`,
      `]633;D;0;${secret}\x07`,
    ];
    assert.deepEqual(textsIn(forged.join('text')), []);
  });

  it('are found after sequences that were broken off, were too long, or were of another kind', () => {
    const long = `\x1b]${'x'.repeat(maxMarkBytes)};${secret}\x07`;
    const others = `\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b\x1b]cut\x1b[2J${long}\x1b]open`;
    assert.deepEqual(textsIn(`${others}${marked('late')}`), ['late']);
  });

  it('are the same however the output is cut', () => {
    const part = fc.constantFrom(
      marked('633;A'),
      marked('633;E;l\\x3bs 漢'),
      '\x1b]0;title\x07',
      'plain',
      '\x1b',
      '\x1b[1m',
      `\x1b]7;${secret}\x1b\\`,
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 12 }), (parts, cuts) => {
        const output = parts.join('');
        assert.deepEqual(scan(output, cuts).told, scan(output).told);
      }),
    );
  });

  it('are kept, the last of them, and given page by page', () => {
    const { marks, told } = scan(Array.from({ length: 300 }, (_, index) => marked(`633;E;${index}`)).join(''));
    assert.equal(told.length, 300);
    assert.equal(marks.count, 300);
    const page = marks.from(0);
    assert.deepEqual(page.marks, told.slice(44));
    assert.equal(page.nextIndex, 300);
    assert.deepEqual(marks.from(300), { marks: [], nextIndex: 300 });
    assert.deepEqual(marks.from(299).marks, told.slice(299));
  });

  it('stay within a bound of bytes, and so does each page', () => {
    const { marks } = scan(Array.from({ length: 40 }, (_, index) => marked(`${index};${'y'.repeat(8_000)}`)).join(''));
    const first = marks.from(0);
    const second = marks.from(first.nextIndex);
    const kept = [...first.marks, ...second.marks];
    assert.deepEqual(
      kept.map(({ index }) => index),
      Array.from({ length: 16 }, (_, index) => 24 + index),
    );
    assert.ok(second.marks.length > 0);
    assert.deepEqual(marks.from(second.nextIndex).marks, []);
  });

  it('are not looked for without a secret', () => {
    const told: PtyMark[] = [];
    const marks = new SessionMarks({ secret: undefined, now: () => 0, onMark: (mark) => told.push(mark) });
    marks.push(Buffer.from(marked('633;A')), 0);
    assert.deepEqual(told, []);
  });
});
