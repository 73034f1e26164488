import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import headless from '@xterm/headless';
import { QuestionBlanking } from '../../../server/src/terminals/screens/questionBlanking.ts';

function blanked(pieces: readonly Buffer[]): Buffer[] {
  const blanking = new QuestionBlanking();
  return pieces.map((piece) => Buffer.from(blanking.blank(piece)));
}

/** What xterm.js shows of `pieces`, and what it has answered. */
async function shown(pieces: readonly Buffer[]): Promise<{ lines: string[]; answers: string[] }> {
  const terminal = new headless.Terminal({ cols: 40, rows: 6, allowProposedApi: true, logLevel: 'off' });
  const answers: string[] = [];
  terminal.onData((answer) => answers.push(answer));
  for (const piece of pieces) await new Promise<void>((resolve) => terminal.write(piece, resolve));
  const lines = Array.from(
    { length: 6 },
    (_, row) => terminal.buffer.active.getLine(row)?.translateToString(true) ?? '',
  );
  terminal.dispose();
  return { lines, answers };
}

const questions = [
  ...[
    '\x1b[c',
    '\x1b[0c',
    '\x1b[>c',
    '\x1b[=c',
    '\x1b[5n',
    '\x1b[6n',
    '\x1b[?6n',
    '\x1b[?2026$p',
    '\x1b[4$p',
    '\x1b[>q',
    '\x1b[>0q',
  ],
  ...[
    '\x1b]11;?\x07',
    '\x1b]10;?;?\x1b\\',
    '\x1b]4;1;?\x07',
    '\x1b]012;?\x07',
    '\x1bP$qm\x1b\\',
    '\x1bP+q544e\x1b\\',
    '\x1b]52;c;?\x07',
  ],
  ...['\x1b[18t', '\x1b[?u', '\x1bZ', '\x05', '\u009bc', '\u009d11;?\u009c', '\x1b[6\nn', '\x1b]11;?\x1b[1mx'],
];
const others = [
  ...[
    'text',
    'grüße 漢字 Â©',
    '\x1b[31m',
    '\x1b[2J',
    '\x1b[3;4H',
    '\x1b]0;what?\x07',
    '\x1b]11;#102030\x07',
    '\x1b]52;c;YQ==\x07',
  ],
  ...['\x1b[?25h', '\x1b[8;10;20t', '\x1bP0;1qabc\x1b\\', '\x1b[?1049h', '\x1b[>1u', '\x1b[!p', '\n', '\x1b7'],
];

describe('Questions of programs, for a viewer that is not to answer', () => {
  for (const question of questions) {
    it(`are taken out and nothing else moves: ${JSON.stringify(question)}`, () => {
      const output = Buffer.from(`before${question}after`);
      const result = Buffer.concat(blanked([output]));
      assert.equal(result.length, output.length);
      assert.equal(
        // A terminator without a string is nothing.
        ['\0', '\x1b\\', '\u009c'].reduce((left, nothing) => left.replaceAll(nothing, ''), result.toString()),
        question.includes('[1mx') ? 'before\x1b[1mxafter' : question.includes('\n') ? 'before\nafter' : 'beforeafter',
      );
    });
  }

  for (const other of others) {
    it(`are not mistaken in ${JSON.stringify(other)}`, () => {
      const output = Buffer.from(`before${other}after`);
      const [result] = blanked([output]);
      assert.equal(result?.toString(), output.toString());
    });
  }

  it('leave a control in their middle where it is, also where they were begun before it', () => {
    const [first, second] = blanked([Buffer.from('a\x1b[6'), Buffer.from('\n5nb')]);
    assert.equal(`${first?.toString()}|${second?.toString()}`, 'a\x1b[6|\n\0\x18b');
  });

  // Without ST at its end: cut on both sides of that ESC, the sequence after such a question is lost.
  const whole = questions.filter((question) => !question.endsWith('[1mx'));

  it('leave the text after them to be seen, wherever they are cut in two', async () => {
    for (const question of whole) {
      const output = Buffer.from(`${question}text`);
      for (let cut = 0; cut <= output.length; cut++) {
        const pieces = [output.subarray(0, cut), output.subarray(cut)];
        const [plain, muted] = [await shown(pieces), await shown(blanked(pieces))];
        assert.deepEqual([muted.answers, muted.lines], [[], plain.lines], `${JSON.stringify(question)} cut at ${cut}`);
      }
    }
  });

  it('are answered by xterm.js in no case, which shows all else, wherever the output is cut', async function () {
    this.timeout(30_000);
    const told = fc.array(fc.constantFrom(...whole, ...others, 'and', ' '), { maxLength: 12 });
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(told, fc.array(fc.nat(80), { maxLength: 4 }), async (tokens, places) => {
        const output = Buffer.from(tokens.join(''));
        const ends = [
          ...places.filter((place) => place < output.length).sort((one, other) => one - other),
          output.length,
        ];
        const pieces = ends.map((end, index) => output.subarray(ends[index - 1] ?? 0, end));
        const [plain, muted] = [await shown(pieces), await shown(blanked(pieces))];
        if (plain.answers.length > 0) answered++;
        assert.deepEqual(muted.answers, []);
        assert.deepEqual(muted.lines, plain.lines);
      }),
      { numRuns: 500 },
    );
    assert.ok(answered > 50, `only ${answered} outputs asked for anything`);
  });
});
