import assert from 'node:assert/strict';
import { CommandMarks, decodeMarkText } from '../../../server/src/terminals/shells/commandMarks.ts';

/** Marks as a host would number them: each is ten bytes long and comes ten bytes and a millisecond after the last. */
function marksOf(texts: readonly string[]) {
  return texts.map((text, index) => ({
    index,
    offset: index * 20,
    endOffset: index * 20 + 10,
    atMs: 1_000 + index,
    text,
  }));
}

function commandsOf(...texts: string[]): CommandMarks {
  const marks = new CommandMarks();
  for (const mark of marksOf(texts)) marks.take(mark);
  return marks;
}

describe('Marks of a shell', () => {
  it('become commands with their line, folder, times, exit code and range of output', () => {
    const marks = commandsOf('633;P;Cwd=/home', '633;E;echo a\\x3b b', '633;C', '633;D;3');
    assert.deepEqual(marks.commands, [
      {
        index: 2,
        commandLine: 'echo a; b',
        cwd: '/home',
        startedAt: 1_002,
        durationMs: 1,
        exitCode: 3,
        output: { fromOffset: 50, toOffset: 60 },
      },
    ]);
    assert.equal(marks.folder, '/home');
  });

  it('leave a command without an end open', () => {
    const { last } = commandsOf('633;E;vim', '633;C');
    assert.equal(last?.commandLine, 'vim');
    assert.equal(last.durationMs, undefined);
    assert.deepEqual(last.output, { fromOffset: 30 });
  });

  it('count the first of two ends', () => {
    assert.equal(commandsOf('633;E;x', '633;C', '633;D;1', '633;D;2').last?.exitCode, 1);
  });

  it('end a command at the start of the next where its own end was not told', () => {
    const [first, second] = commandsOf('633;E;a', '633;C', '633;E;b', '633;C').commands;
    assert.equal(first?.exitCode, null);
    assert.equal(first.durationMs, 2);
    assert.equal(second?.commandLine, 'b');
    assert.equal(second.durationMs, undefined);
  });

  it('end a command at the next prompt where its own end was not told', () => {
    const { commands, folder } = commandsOf('633;E;a', '633;C', '633;P;Cwd=/there', '633;E;b', '633;C', '633;D;4');
    assert.deepEqual(
      commands.map(({ commandLine, exitCode, durationMs }) => [commandLine, exitCode, durationMs]),
      [
        ['a', null, 1],
        ['b', 4, 1],
      ],
    );
    assert.equal(folder, '/there');
  });

  for (const [when, texts] of [
    ['before its start', ['633;E;exec bash -l', '633;C']],
    ['after its start', ['633;C', '633;E; exec bash -l']],
  ] as const) {
    it(`take what puts another program in the shell’s place for ended, its line told ${when}`, () => {
      const { last } = commandsOf(...texts);
      assert.deepEqual([last?.exitCode, last?.durationMs], [null, 0]);
      assert.equal(last?.output.toOffset, last?.output.fromOffset);
    });
  }

  it('tell the end of an exec that has left the shell in its place', () => {
    const marks = commandsOf('633;E;exec nosuch', '633;C');
    const ended = marks.take({ index: 9, offset: 100, endOffset: 110, atMs: 1_011, text: '633;D;127' });
    assert.deepEqual([ended?.exitCode, ended?.durationMs, ended?.output.toOffset], [127, 10, 100]);
    assert.equal(marks.last?.exitCode, 127);
    assert.equal(marks.commands.length, 1);
  });

  it('take a command line that is told after the start', () => {
    const { commands } = commandsOf('633;C', '633;E;a', '633;D;0');
    assert.deepEqual(
      commands.map(({ commandLine }) => commandLine),
      ['a'],
    );
  });

  for (const [what, texts] of [
    ['an end without a start', ['633;D;0']],
    ['what is no mark of ours', ['133;C', '633', '633;', '633;CC', '634;C', '', '633;Z;x', '633;P;IsWindows=True']],
  ] as const) {
    it(`pass over ${what}`, () => {
      const marks = commandsOf(...texts);
      assert.deepEqual(marks.commands, []);
      assert.equal(marks.folder, undefined);
    });
  }

  it('give an exit code that is no number as unknown', () => {
    for (const code of ['', 'x', '1e3', '99999999999999999999', '1;2']) {
      assert.equal(commandsOf('633;C', `633;D;${code}`).last?.exitCode, null, code);
    }
  });

  it('keep a bounded number of commands and of characters', () => {
    const many = commandsOf(...Array.from({ length: 1_000 }, () => ['633;C', '633;D;0']).flat());
    assert.equal(many.commands.length, 200);
    assert.equal(many.last?.index, 1_998);
    const long = commandsOf(...Array.from({ length: 100 }, () => [`633;E;${'x'.repeat(5_000)}`, '633;C']).flat());
    assert.ok(long.commands.length * 5_000 <= 131_072, String(long.commands.length));
    assert.ok(long.commands.length > 20);
  });

  it('have their escapes taken off', () => {
    assert.equal(decodeMarkText('a\\x3bb\\x5cx3b\\x0a\\x1bé'), 'a;b\\x3b\n\x1bé');
    assert.equal(decodeMarkText('\\x\\xg0 \\x4'), '\\x\\xg0 \\x4');
  });
});
