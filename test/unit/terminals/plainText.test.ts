import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findInputPrompt } from '../../../server/src/terminals/commands/inputPrompt.ts';
import { plainText } from '../../../server/src/terminals/commands/plainText.ts';

describe('Plain text of terminal output', () => {
  const cases: [string, string, string][] = [
    ['drops colours', '\x1b[31mred\x1b[0m plain', 'red plain'],
    ['drops titles and links', '\x1b]0;title\x07\x1b]8;;http://x\x07link\x1b]8;;\x07', 'link'],
    ['ends lines with a line feed', 'a\r\nb\r\r\nc', 'a\nb\nc'],
    ['shows a progress bar as it was at last', '10%\r50%\r100%\r\ndone', '100%\ndone'],
    ['keeps what a shorter overwrite left', 'abcdef\rxy', 'xycdef'],
    ['applies backspaces', 'helo\b\blp', 'help'],
    [
      'shows nothing of a spinner that erased itself',
      '\x1b[1G\x1b[0K⠙\x1b[1G\x1b[0K> test\n\x1b[1G⠹\x1b[1G\x1b[0Ksh: no',
      '> test\nsh: no',
    ],
    ['erases a whole line', 'abc\x1b[2K\rx', 'x'],
    ['fills a column that was jumped over', '\x1b[4Gx', '   x'],
    ['keeps tabs', 'a\tb', 'a\tb'],
    ['drops other control characters', 'a\x07\x00b\x7f', 'ab'],
    ['counts characters, not code units, when overwriting', '😀😀\rx', 'x😀'],
    ['erases up to the cursor, and again', 'abcdef\r\x1b[3G\x1b[1K\rx\x1b[2G\x1b[1K', '   def'],
    ['shows nothing of strings for the terminal', 'a\x1bP1$r0m\x1b\\b\x1b_Gx\x1b\\c\x90q\x9cd\x1bPq\x18e', 'abcde'],
    ['ends what a sequence leaves open with its line', 'a\x1b]0;x\nb\x1b[3\nc\x1bPq\nd', 'a\nb\nc\nd'],
    ['shows what cannot belong to a sequence', 'a\x1b[1éb\x1b€', 'aéb€'],
    ['obeys a carriage return within a sequence', 'ab\x1b[1\rmc', 'cb'],
    ['goes no further to the right than the widest terminal', '\x1b[4000000000Gx', `${' '.repeat(999)}x`],
  ];
  for (const [name, output, expected] of cases) {
    it(name, () => assert.equal(plainText(output), expected));
  }

  /** What programs print, and what they would print to be a nuisance. */
  const pieces = [
    ...[
      'a',
      ' ',
      '😀',
      '\n',
      '\r',
      '\b',
      '\t',
      '\x18',
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x1bP',
      '\x1b\\',
      '\x07',
      '\x9b',
      '\x9d',
      ';',
      '1',
    ],
    ...[
      '\x1b[900G',
      '\x1b[4000000000G',
      '\x1b[G',
      '\x1b[K',
      '\x1b[1K',
      '\x1b[2K',
      '\x1b[31m',
      '\x1b[3;',
      'G',
      'K',
      'm',
    ],
  ];

  it('answers at most twice as many characters and 1,000 more, and none that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 300 }), (parts) => {
        const output = parts.join('');
        const text = plainText(output);
        assert.ok(text.length <= 2 * output.length + 1_000);
        assert.doesNotMatch(text, /(?![\n\t])\p{Cc}/u);
        assert.equal(text.split('\n').length, output.split('\n').length);
      }),
    );
    const jumps = '\x1b[4000000000Gx\n'.repeat(10_000);
    assert.ok(plainText(jumps).length <= 2 * jumps.length + 1_000);
  });

  it('takes 200 KB of whatever is repeated in a moment, and a guess at a prompt in it too', function () {
    this.timeout(120_000);
    const units = [
      ...pieces,
      'x\x1b[1K',
      '\r\x1b[1Kx',
      'x\r\x1b[900G\x1b[1K',
      '\x1b[2K\x1b[900Gx',
      'x\x1b[K\r',
      '\x1b[;',
      '\x1b;a',
      '\x1b#;?',
      ': ',
      'y/',
      'password',
      '... ',
    ];
    for (const unit of units) {
      for (const start of ['', 'z'.repeat(100_000), '\x1b]']) {
        const output = `${start}${unit.repeat(200_000 / unit.length)}X`;
        const began = performance.now();
        plainText(output);
        findInputPrompt(output);
        const tookMs = performance.now() - began;
        assert.ok(tookMs < 2_000, `${JSON.stringify(unit)} took ${Math.round(tookMs)} ms`);
      }
    }
  });
});
