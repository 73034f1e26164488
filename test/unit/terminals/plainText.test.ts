import assert from 'node:assert/strict';
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
  ];
  for (const [name, output, expected] of cases) {
    it(name, () => assert.equal(plainText(output), expected));
  }
});
