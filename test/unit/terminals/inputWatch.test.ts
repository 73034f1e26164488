import assert from 'node:assert/strict';
import type { WaitsForInput } from '../../../server/protocol/terminal.ts';
import { InputWatch } from '../../../server/src/terminals/commands/inputWatch.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

describe('Watching for a program that waits for input', () => {
  let clock: FakeClock;
  let told: (WaitsForInput | undefined)[];
  let unanswered: number;
  let watch: InputWatch;
  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    unanswered = 0;
    watch = new InputWatch({
      clock,
      logger: recordingLogger().logger,
      onChanged: (waits) => {
        told.push(waits);
      },
      onUnanswered: () => {
        unanswered++;
      },
    });
  });

  const print = (text: string): void => {
    watch.take(Buffer.from(text));
  };

  it('tells it after two seconds of silence, and takes it back when output goes on', () => {
    print('Password: ');
    clock.advance(1_999);
    assert.equal(told.length, 0);
    clock.advance(1);
    assert.deepEqual([...told], [{ kind: 'password', prompt: 'Password:' }]);
    assert.equal(watch.waitsForInput?.kind, 'password');
    print('\r\nwelcome\r\n');
    clock.advance(10_000);
    assert.deepEqual([...told], [{ kind: 'password', prompt: 'Password:' }, undefined]);
  });

  it('puts a prompt together from the pieces in which it came', () => {
    for (const piece of ['Cont', 'inue', '? [y/', 'N] ']) {
      print(piece);
      clock.advance(1_500);
    }
    assert.equal(told.length, 0);
    clock.advance(1_000);
    assert.deepEqual(
      told.map((waits) => waits?.kind),
      ['confirmation'],
    );
  });

  it('says when nobody has typed for a minute, and waits on while somebody does', () => {
    print('Name: ');
    clock.advance(2_000 + 59_000);
    watch.typed();
    clock.advance(59_000);
    assert.equal(unanswered, 0);
    clock.advance(1_000);
    assert.equal(unanswered, 1);
    clock.advance(600_000);
    assert.equal(unanswered, 1);
  });

  it('says nothing any more once disposed', () => {
    print('Name: ');
    watch.dispose();
    clock.advance(100_000);
    assert.deepEqual(told, []);
    assert.equal(clock.pending, 0);
  });

  it('keeps no more of a flood than its end', () => {
    for (let count = 0; count < 100; count++) print('x'.repeat(65_536));
    print('\nName: ');
    clock.advance(2_000);
    assert.deepEqual(told, [{ kind: 'text', prompt: 'Name:' }]);
  });

  it('logs what goes wrong in a timer, where nobody else would catch it, and watches on', () => {
    const { logger, lines } = recordingLogger();
    let failures = 0;
    const failing = new InputWatch({
      clock,
      logger,
      onChanged: (waits) => {
        if (waits) throw new Error(`the terminal is gone, ${++failures}`);
      },
      onUnanswered: () => {
        throw new Error('nobody is there');
      },
    });
    failing.take(Buffer.from('Name: '));
    clock.advance(2_000);
    clock.advance(60_000);
    failing.take(Buffer.from('\nPassword: '));
    clock.advance(2_000);
    assert.equal(failing.waitsForInput?.kind, 'password');
    assert.deepEqual(
      lines.map((line) => /error .*Error: ([a-z ,\d]+)/.exec(line)?.[1]),
      ['the terminal is gone, 1', 'nobody is there', 'the terminal is gone, 2'],
    );
    failing.dispose();
  });
});
