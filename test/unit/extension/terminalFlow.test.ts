import * as assert from 'node:assert/strict';
import * as fc from 'fast-check';
import headless from '@xterm/headless';
import { takeAnswers } from '../../../extension/src/terminals/drainProbes.ts';
import { InputQueue } from '../../../extension/src/terminals/inputQueue.ts';
import { PacedWriter } from '../../../extension/src/terminals/pacedWriter.ts';
import { SafePlaces } from '../../../extension/src/terminals/safePlaces.ts';
import { FakeClock, settle } from './fakeClock.ts';

describe('Output on its way to a VS Code terminal', () => {
  let clock: FakeClock;
  let written: string[];
  let consumed: number[];
  let writer: PacedWriter;

  beforeEach(() => {
    clock = new FakeClock();
    written = [];
    consumed = [];
    writer = new PacedWriter(
      clock,
      (text) => written.push(text),
      (offset) => consumed.push(offset),
    );
  });

  afterEach(() => {
    writer.dispose();
    assert.equal(clock.pendingTimers, 0, 'a timer is left');
  });

  it('is written at once while there is little of it', () => {
    writer.push(Buffer.from('a'), 0);
    writer.push(Buffer.from('b'), 1);
    assert.deepEqual(written, ['a', 'b']);
    assert.deepEqual(consumed, [1, 2]);
  });

  it('is written at 64 KiB every 16 ms, and only what is written counts as consumed', async () => {
    writer.push(Buffer.alloc(1_048_576, 'x'), 0);
    assert.equal(consumed.at(-1), 65_536);
    await clock.advance(16);
    assert.equal(consumed.at(-1), 131_072);
    await clock.advance(16 * 13);
    assert.equal(consumed.at(-1), 983_040);
    await clock.advance(16);
    assert.equal(consumed.at(-1), 1_048_576);
    assert.equal(written.join('').length, 1_048_576);
  });

  it('is decoded right wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.array(fc.nat(200)), async (text, cuts) => {
        written = [];
        const fresh = new PacedWriter(
          clock,
          (piece) => written.push(piece),
          () => undefined,
        );
        const bytes = Buffer.from(text);
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((one, other) => one - other), bytes.length];
        places.slice(1).forEach((end, index) => fresh.push(bytes.subarray(places[index], end), places[index]!));
        await clock.advance(1_000);
        fresh.dispose();
        assert.equal(written.join(''), bytes.toString('utf8'));
      }),
    );
  });

  it('keeps what is to be done in its place between the bytes', async () => {
    writer.push(Buffer.alloc(200_000, 'x'), 0);
    writer.afterAll(() => written.push('[end]'));
    assert.equal(written.includes('[end]'), false);
    await clock.advance(1_000);
    assert.equal(written.at(-1), '[end]');
    assert.equal(written.join('').length, 200_000 + '[end]'.length);
  });
});

describe('A flood on its way to a VS Code terminal', () => {
  /** A terminal that parses what it is given when it is told to, and answers like VS Code's does. */
  class SlowTerminal {
    readonly typed: string[] = [];
    text = '';
    private readonly terminal = new headless.Terminal({ cols: 80, rows: 24, allowProposedApi: true });
    private unparsed = '';
    private readonly onAnswer: (input: string) => void;

    constructor(onAnswer: (input: string) => void) {
      this.onAnswer = onAnswer;
      this.terminal.onData((data) => this.onAnswer(data));
    }

    get backlog(): number {
      return this.unparsed.length;
    }

    write(text: string): void {
      this.text += text;
      this.unparsed += text;
    }

    async parse(chars: number): Promise<void> {
      const text = this.unparsed.slice(0, chars);
      this.unparsed = this.unparsed.slice(chars);
      await new Promise<void>((resolve) => this.terminal.write(text, resolve));
    }

    dispose(): void {
      this.terminal.dispose();
    }
  }

  const line = 'a line with \x1b[31mcolour\x1b[0m and \x1b]0;a title\x07 in it, 漢字\r\n';
  const flood = Buffer.from(line.repeat(160_000));

  function start(): {
    clock: FakeClock;
    terminal: SlowTerminal;
    writer: PacedWriter;
    typed: string[];
    consumed: () => number;
  } {
    const clock = new FakeClock();
    const typed: string[] = [];
    let end = 0;
    const terminal: SlowTerminal = new SlowTerminal((input) => {
      const taken = takeAnswers(input);
      if (taken.typed !== '') typed.push(taken.typed);
      for (const mode of taken.answered) writer.answered(mode);
    });
    const writer = new PacedWriter(
      clock,
      (text) => terminal.write(text),
      (offset) => (end = offset),
    );
    return { clock, terminal, writer, typed, consumed: () => end };
  }

  it('waits for one that parses slowly, so that its backlog stays small, and loses nothing', async () => {
    const { clock, terminal, writer, typed, consumed } = start();
    writer.push(flood, 0);
    let greatest = 0;
    while (consumed() < flood.length || terminal.backlog > 0) {
      await clock.advance(16);
      greatest = Math.max(greatest, terminal.backlog);
      // A quarter of the pace at which it would be written.
      await terminal.parse(16_384);
    }
    assert.ok(flood.length > 9_000_000, 'it is many times what may be on its way');
    assert.ok(greatest < 2_600_000, `${greatest} characters were on their way`);
    const [first, ...afterQuestions] = terminal.text.split('\x1b[?52');
    const unasked = [first, ...afterQuestions.map((text) => text.slice('000$p'.length))].join('');
    assert.ok(afterQuestions.length > 10 && unasked === flood.toString());
    assert.deepEqual(typed, [], 'no answer is left over for the shell');
    writer.dispose();
    terminal.dispose();
    assert.equal(clock.pendingTimers, 0);
  });

  it('goes on a little, but only a little, while one answers nothing, and at full pace once it does', async () => {
    const { clock, terminal, writer, consumed } = start();
    writer.push(flood, 0);
    await clock.advance(5_000);
    const stopped = consumed();
    assert.ok(stopped > 1_500_000 && stopped < 2_600_000, `it stopped after ${stopped} bytes`);
    await clock.advance(60_000);
    const later = consumed() - stopped;
    assert.ok(later > 0 && later <= 7 * 65_536, `${later} bytes in a minute`);
    await terminal.parse(terminal.backlog);
    const before = consumed();
    await clock.advance(160);
    assert.ok(consumed() - before >= 10 * 65_536);
    writer.dispose();
    terminal.dispose();
  });

  it('asks only where it changes nothing of what is shown, wherever the output is cut', async () => {
    const pieces = [
      ...[
        'a',
        '漢',
        'e\u0301',
        '\r\n',
        '\x1b',
        '\x1b[',
        '1;3',
        'm',
        '\x1b]',
        '0;t',
        '\x07',
        '\x1bP',
        'q',
        '\x1b\\',
        '\u009b',
        '\x18',
      ],
      ...['\x1b[3b', '\x1b[5C', 'word '],
    ];
    const show = async (text: string): Promise<{ lines: string[]; answers: string[] }> => {
      const terminal = new headless.Terminal({ cols: 40, rows: 6, allowProposedApi: true, logLevel: 'off' });
      const answers: string[] = [];
      terminal.onData((answer) => answers.push(answer));
      await new Promise<void>((resolve) => terminal.write(text, resolve));
      const { active } = terminal.buffer;
      const lines = Array.from({ length: 6 }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
      terminal.dispose();
      return { lines, answers };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 30 }), fc.nat(60), async (tokens, cut) => {
        const text = tokens.join('');
        const places = new SafePlaces();
        const [first, second] = [text.slice(0, cut), text.slice(cut)];
        const plain = await show(text);
        for (const [start, place] of [[0, places.last(first)] as const, [first.length, places.last(second)] as const]) {
          if (place === undefined) continue;
          const at = start + place;
          const asked = await show(`${text.slice(0, at)}\x1b[?52000$p${text.slice(at)}`);
          assert.deepEqual(asked.lines, plain.lines);
          assert.deepEqual(asked.answers, ['\x1b[?52000;0$y']);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is told apart from what is typed, and from what a program is answered', () => {
    assert.deepEqual(takeAnswers('typed\x1b[?52001;0$ymore\x1b[?52002;0$y'), {
      typed: 'typedmore',
      answered: [52_001, 52_002],
    });
    for (const input of ['\x1b[?2026;2$y', '\x1b[3;1R', '52001', 'x'])
      assert.deepEqual(takeAnswers(input), { typed: input, answered: [] });
  });

  it('is not asked about while there are pauses', async () => {
    const { clock, terminal, writer } = start();
    for (let count = 0; count < 30; count++) {
      writer.push(Buffer.from(line.repeat(900)), count * 900 * Buffer.byteLength(line));
      await clock.advance(1_100);
    }
    assert.ok(terminal.text.length > 1_000_000);
    assert.doesNotMatch(terminal.text, /\$p/);
    writer.dispose();
    terminal.dispose();
  });
});

describe('Input on its way to a terminal', () => {
  it('is sent in order, in pieces the contract takes, and no character is torn', async () => {
    const sent: string[] = [];
    const queue = new InputQueue(
      async (data) => {
        await settle();
        sent.push(data);
      },
      () => assert.fail('nothing was lost'),
    );
    const paste = '😀'.repeat(400_000) + 'end';
    queue.push('first');
    queue.push(paste);
    while (sent.join('').length < paste.length + 5) await settle();
    assert.equal(sent.join(''), `first${paste}`);
    assert.ok(sent.every((piece) => piece.length <= 524_288 && piece.isWellFormed()));
    assert.ok(sent.length >= 3);
  });

  it('goes with the next request where a request is under way', async () => {
    const sent: string[] = [];
    const queue = new InputQueue(
      async (data) => {
        sent.push(data);
        await settle();
      },
      () => assert.fail('nothing was lost'),
    );
    for (const key of 'abcdef') queue.push(key);
    while (sent.join('').length < 6) await settle();
    assert.deepEqual(sent, ['a', 'bcdef']);
  });

  it('that cannot be sent is reported once, dropped, and does not hold up what comes later', async () => {
    const sent: string[] = [];
    const lost: unknown[] = [];
    let isDown = true;
    const queue = new InputQueue(
      (data) => {
        if (isDown) return Promise.reject(new Error('down'));
        sent.push(data);
        return Promise.resolve();
      },
      (error) => lost.push(error),
    );
    queue.push('a');
    queue.push('b');
    await settle();
    isDown = false;
    queue.push('c');
    await settle();
    assert.equal(lost.length, 1);
    assert.deepEqual(sent, ['c']);
  });

  it('is refused above 8 MiB that nobody takes', () => {
    const lost: unknown[] = [];
    const queue = new InputQueue(
      () => new Promise(() => undefined),
      (error) => lost.push(error),
    );
    for (let mebibyte = 0; mebibyte < 12; mebibyte++) queue.push('x'.repeat(1_048_576));
    assert.deepEqual(lost, [undefined, undefined, undefined, undefined].slice(0, lost.length));
    assert.ok(lost.length >= 3);
  });
});
