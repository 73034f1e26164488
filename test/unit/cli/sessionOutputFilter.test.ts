import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import headless from '@xterm/headless';
import { SessionOutputFilter } from '../../../server/src/cli/sessionOutputFilter.ts';

const reset = '\x1b[0m\x1b[2J';
const enter = '\x1b7\x1b[2J';

/** What comes out of `pieces`, byte by byte in Latin-1 where they are given as such. */
function filtered(pieces: readonly (string | Buffer)[], mayWriteClipboard = true): string {
  const filter = new SessionOutputFilter({ resetSequence: reset, mayWriteClipboard });
  return Buffer.concat(pieces.map((piece) => filter.push(Buffer.from(piece)).data)).toString('utf8');
}

describe('Output of a session in a terminal that it is a guest of', () => {
  const long = 'x'.repeat(40_000);
  const cases: [string, string, string][] = [
    ['text in any script', 'a grüße 漢字 😀 \t\r\n\x07', 'a grüße 漢字 😀 \t\r\n\x07'],
    [
      'colours, movements, other modes',
      '\x1b[1;31mred\x1b[5;7H\x1b[?25l\x1b(B\x1b#8',
      '\x1b[1;31mred\x1b[5;7H\x1b[?25l\x1b(B\x1b#8',
    ],
    [
      'a title, a link',
      '\x1b]0;title é\x07\x1b]8;;http://a\x1b\\a\x1b]8;;\x1b\\',
      '\x1b]0;title é\x07\x1b]8;;http://a\x1b\\a\x1b]8;;\x1b\\',
    ],
    [
      'a picture of 40 kB',
      `\x1bP0;1q${long}\x1b\\\x1b]1337;File=:${long}\x07!`,
      `\x1bP0;1q${long}\x1b\\\x1b]1337;File=:${long}\x07!`,
    ],
    ['the alternate screen', 'a\x1b[?1049hb', `a${enter}b`],
    ['the alternate screen in older words', '\x1b[?47hb', `${enter}b`],
    ['modes with zeros in front', '\x1b[?01049h\x1b[?00025l', `${enter}\x1b[?00025l`],
    ['a mode among others', '\x1b[?25;1049;7h', `\x1b[?25;7h${enter}`],
    ['a mode with parts', '\x1b[?1049:1h', enter],
    ['a control in the middle of a mode', '\x1b[?10\n49h\x1b[?10\x0049h', `\n${enter}\x00`],
    ['a deleted character in the middle', '\x1b[?10\x7f49h', enter],
    ['a sequence that is begun anew', '\x1b[?10\x1b[?1049h', enter],
    ['a sequence that is cancelled', '\x1b[?1049\x18h\x1b[?1049\x1ah', '\x18h\x1ah'],
    ['C1 controls', '\u009b?1049h\u009b3J\u009d133;A\u009c|\u0085', `${enter}\x1b\\|\x1bE`],
    ['what has scrolled away, erased', '\x1b[3Ja\x1b[003;1Jb\x1b[?3Jc\x1b[2J', 'abc\x1b[2J'],
    ['the width of the window', '\x1b[?3h\x1b[?40h\x1b[?03;7l', '\x1b[?7l'],
    ['the window moved and resized', '\x1b[8;10;20t\x1b[3;1;1ta\x1b[48t\x1b[80$|\x1b[22;0t', 'a\x1b[22;0t'],
    ['a full reset', 'a\x1bcb\x1b\x00cd\x1b\x1bce', `a${reset}b\x00${reset}d${reset}e`],
    ['reports of the shell', '\x1b]133;A\x07a\x1b]633;E;x\x1b\\b\x1b]7;file:///x\x07\x1b]0633;A\x07', 'a\x1b\\b'],
    ['a report of 40 kB', `\x1b]633;E;${long}\x07a\x1b]00133;${long}\x1b\\b`, 'a\x1b\\b'],
    ['a report that is ended by another sequence', '\x1b]133;A\x1b[1mb', '\x1b[1mb'],
    ['the clipboard, written', '\x1b]52;c;YQ==\x07', '\x1b]52;c;YQ==\x07'],
    ['the clipboard, read', '\x1b]52;c;?\x07\x1b]052;;?\x1b\\', '\x1b\\'],
    ['parameters that mean nothing', '\x1b[1?1049h\x1b[??1049h\x1b[? 5ha', 'a'],
    ['more parameters than anybody sends', `\x1b[?${'1;'.repeat(2_000)}1049ha`, 'a'],
  ];
  for (const [what, output, expected] of cases) {
    it(`has of ${what} what such a guest may do, wherever it is cut`, () => {
      assert.equal(filtered([output]), expected);
      const bytes = Buffer.from(output);
      if (bytes.length < 300) {
        assert.equal(filtered(Array.from(bytes, (byte) => Buffer.of(byte))), expected, 'cut into bytes');
        for (let cut = 1; cut < bytes.length; cut++)
          assert.equal(filtered([bytes.subarray(0, cut), bytes.subarray(cut)]), expected, `cut at ${cut}`);
      }
    });
  }

  it('leaves the clipboard alone where somebody only watches', () => {
    assert.equal(
      filtered(['a\x1b]52;c;YQ==\x07b\x1b]052;p;YQ==\x1b\\c', `\x1b]52;c;${'YQ=='.repeat(9_000)}\x07d`], false),
      'ab\x1b\\cd',
    );
  });

  it('asks for the screen at the end of an alternate screen, and leaves out what follows', () => {
    const filter = new SessionOutputFilter({ resetSequence: reset, mayWriteClipboard: true });
    filter.push(Buffer.from('\x1b[?1049hprogram'));
    const { data, needsScreen } = filter.push(Buffer.from('bye\x1b[?25;1049lprompt'));
    assert.deepEqual([data.toString(), needsScreen], ['bye\x1b[?25l', true]);
    filter.restart();
    assert.equal(filter.push(Buffer.from('prompt')).data.toString(), 'prompt');
  });

  it('knows whether colours were set', () => {
    const sets = (output: string): boolean => {
      const filter = new SessionOutputFilter({ resetSequence: reset, mayWriteClipboard: true });
      filter.push(Buffer.from(output));
      return filter.hasSetColors;
    };
    assert.equal(sets('\x1b]11;?\x07'), false);
    for (const output of ['\x1b]11;#102030\x07', '\x1b]04;1;red\x1b\\', '\u009d10;white\u009c'])
      assert.equal(sets(output), true);
  });

  it('never does to xterm.js what a guest may not, whatever the output and however it is cut', async function () {
    this.timeout(30_000);
    const token = fc.constantFrom(
      ...[
        '\x1b',
        '\x1b[',
        '\x1b]',
        '\x1bP',
        '\x1bX',
        '\x1b\\',
        '\u009b',
        '\u009d',
        '\u009c',
        '\u0090',
        '?',
        '>',
        ';',
        ':',
        '0',
        '3',
        '40',
        '47',
      ],
      ...[
        '1047',
        '1049',
        '01049',
        'h',
        'l',
        'J',
        'c',
        't',
        '$',
        ' ',
        '!',
        'p',
        'q',
        '8',
        '133',
        '633',
        '7',
        '52',
        ';c;?',
        ';A',
        '\x07',
        '\x18',
      ],
      ...[
        '\x00',
        '\n',
        '\x7f',
        'é',
        '漢',
        'A',
        '\x1b[?1049h',
        '\x1b[?1049l',
        '\x1b[3J',
        '\x1bc',
        '\x1b]133;A\x07',
        '\x1b]52;c;?\x07',
      ],
    );
    const raw = fc.oneof(
      { weight: 6, arbitrary: token.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes)) },
    );
    const cuts = fc.array(fc.nat(60), { maxLength: 5 });
    let forbiddenUnfiltered = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(raw, { maxLength: 40 }), cuts, async (tokens, places) => {
        const output = Buffer.concat(tokens);
        const ends = [
          ...places.filter((place) => place < output.length).sort((one, other) => one - other),
          output.length,
        ];
        const filter = new SessionOutputFilter({ resetSequence: reset, mayWriteClipboard: false });
        const pieces = ends.map((end, index) => filter.push(output.subarray(ends[index - 1] ?? 0, end)).data);
        if ((await forbidden([output])).length > 0) forbiddenUnfiltered++;
        assert.deepEqual(await forbidden(pieces), []);
      }),
      { numRuns: 600 },
    );
    assert.ok(forbiddenUnfiltered > 50, `only ${forbiddenUnfiltered} outputs had anything to take out`);
  });
});

/** What xterm.js was told in `pieces` that a guest may not say. */
async function forbidden(pieces: readonly Buffer[]): Promise<string[]> {
  const terminal = new headless.Terminal({ cols: 20, rows: 5, allowProposedApi: true, logLevel: 'off' });
  const found: string[] = [];
  const note = (what: string): true => (found.push(what) > 0) as true;
  const { parser } = terminal;
  for (const final of ['h', 'l']) {
    parser.registerCsiHandler({ prefix: '?', final }, (params) => {
      const modes = params.filter((param) => typeof param === 'number');
      return modes.some((mode) => [3, 40, 47, 1047, 1049].includes(mode)) && note(`mode ${modes.join()}${final}`);
    });
  }
  for (const prefix of [undefined, '?']) {
    const id = prefix === undefined ? { final: 'J' } : { prefix, final: 'J' };
    parser.registerCsiHandler(id, ([first]) => first === 3 && note('scrollback erased'));
  }
  parser.registerCsiHandler({ final: 't' }, ([first]) => {
    const operation = Number(first);
    return ((operation >= 1 && operation <= 10) || operation >= 24) && note(`window ${operation}`);
  });
  parser.registerEscHandler({ final: 'c' }, () => note('reset'));
  for (const number of [7, 133, 633, 52]) parser.registerOscHandler(number, () => note(`command ${number}`));
  for (const piece of pieces) await new Promise<void>((resolve) => terminal.write(piece, resolve));
  if (terminal.buffer.active.type === 'alternate') found.push('alternate screen');
  terminal.dispose();
  return found;
}
