import * as assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { TerminalOutput } from '../../../server/src/cli/terminalOutput.ts';

describe('what the command line prints', () => {
  const hostile = '\x1b]0;title\x07a\x1b[2Jb\rc\x9b31md\u202ee\u2066f\u{e0041}g\x08h\x7f';
  /** What a terminal obeys, or shows elsewhere than it stands, or not at all; line breaks and tabs apart. */
  const obeyed = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u{E0000}-\u{E007F}]/u;

  function createOutput(isTTY = false) {
    const [stdout, stderr] = [new PassThrough({ encoding: 'utf8' }), new PassThrough({ encoding: 'utf8' })];
    const output = new TerminalOutput({ stdout, stderr: Object.assign(stderr, { isTTY }) });
    const read = (): { out: string; err: string } => ({
      out: String(stdout.read() ?? ''),
      err: String(stderr.read() ?? ''),
    });
    return { output, read, stdout };
  }

  it('writes out what is invisible in a result and in a message, and keeps lines and tabs', () => {
    const { output, read } = createOutput();
    output.print(`ä\t${hostile}\n`);
    output.tell(`${hostile}\n`);
    const visible = "␛]0;title␇a␛[2Jb␍c<U+009B>31md<U+202E>e<U+2066>f<U+E0041 'A'>g␈h␡\n";
    assert.deepEqual(read(), { out: `ä\t${visible}`, err: visible });
  });

  it('escapes it in JSON, which means the same and stands on one line', () => {
    const { output, read } = createOutput();
    const value = { name: `${hostile}\n\u2028ä 𝄞 👩‍💻` };
    output.printJson(value);
    const { out } = read();
    assert.doesNotMatch(out, obeyed);
    assert.match(out, /^[^\n\u2028]+ä 𝄞 👩‍💻"\}\n$/u);
    assert.deepEqual(JSON.parse(out), value);
  });

  it('leaves it out of the words of a model and of the steps of a turn', () => {
    const { output, read } = createOutput();
    output.printAnswer(`${hostile} 👩‍💻`);
    // Halves of one sequence, as a model streams them.
    output.printAnswer('\x1b');
    output.printAnswer(']0;x');
    output.tellStep(`${hostile}\n• a step that was none`);
    assert.deepEqual(read(), { out: 'abcdefgh 👩‍💻]0;x', err: 'abcdefgh • a step that was none\n' });
  });

  it('takes 200 KB of words of a model in a moment, whatever is repeated in them', () => {
    for (const unit of [
      '\x1b',
      '\x1b]',
      '\x1b[',
      '\x1b[;',
      '\x1b;a',
      '\x1b#;?',
      '\x1b[1;2',
      '\x9b1',
      '\x9d;',
      '\x1b]0;x',
      '\x1b]x\x1b[',
    ]) {
      const { output, read } = createOutput();
      const began = performance.now();
      output.printAnswer(`${unit.repeat(200_000 / unit.length)}X`);
      assert.ok(performance.now() - began < 2_000, JSON.stringify(unit));
      assert.doesNotMatch(read().out, obeyed);
    }
  });

  it('shows progress on a terminal only, in one line', () => {
    const piped = createOutput();
    piped.output.showProgress('1 of 2 files');
    assert.deepEqual(piped.read(), { out: '', err: '' });
    const shown = createOutput(true);
    shown.output.showProgress('1 of 2 \x1b[2J');
    shown.output.showProgress('');
    assert.deepEqual(shown.read(), { out: '', err: '\r1 of 2 ␛[2J\x1b[K\r\x1b[K' });
  });

  it('waits with the next part of a document until there is room for it', async () => {
    const { output, read, stdout } = createOutput();
    const page = 'x'.repeat(stdout.writableHighWaterMark);
    let isReady = false;
    const printed = output.printDocument(page).then(() => (isReady = true));
    await new Promise(setImmediate);
    assert.equal(isReady, false);
    assert.equal(read().out, page);
    await printed;
    assert.equal(stdout.listenerCount('drain'), 0);
  });

  it('outlives a reader that has had enough, and no other failure', () => {
    const { output, stdout } = createOutput();
    output.outliveReaders();
    stdout.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }));
    assert.throws(() => stdout.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' })), /full/);
  });
});
