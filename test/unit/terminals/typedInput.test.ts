import assert from 'node:assert/strict';
import { countTyped, TypedInput } from '../../../server/src/terminals/commands/typedInput.ts';

/** Types one key after another into a terminal that echoes. */
function typeEchoed(input: TypedInput, text: string): void {
  for (const key of text) {
    input.typed(key, false);
    input.printed(Buffer.from(key === '\r' ? '\r\n' : key));
  }
}

describe('What a person typed into a command', () => {
  let input: TypedInput;
  beforeEach(() => (input = new TypedInput()));

  it('is nothing where nobody typed', () => {
    input.printed(Buffer.from('output'));
    assert.deepEqual(input.describe(), []);
  });

  it('is told as it was where the terminal showed it', () => {
    typeEchoed(input, 'hello\r');
    input.typed('pasted in one go\r', false);
    input.printed(Buffer.from('pasted in one go\r\nthanks\r\n'));
    assert.deepEqual(input.describe(), ['"hello"', '"pasted in one go"']);
  });

  it('is only counted where nothing was shown', () => {
    input.typed('hunter2\r', false);
    input.printed(Buffer.from('\r\nlogged in\r\n'));
    assert.deepEqual(input.describe(), ['(7 characters, not shown)']);
  });

  it('is only counted where it came by way of another server', () => {
    typeEchoed(input, 'hello\r');
    input.typedElsewhere(3);
    input.typedElsewhere(2);
    assert.deepEqual(input.describe(), ['"hello"', '(5 characters in another window, not shown)']);
  });

  it('is counted without keys and without what terminals answer by themselves', () => {
    assert.equal(countTyped('abc\r'), 3);
    assert.equal(countTyped('\r'), 0);
    assert.equal(countTyped('\x1b[A\x1b[24;80R'), undefined);
    assert.equal(countTyped('\x1b[200~é😀\x1b[201~'), 2);
  });

  it('is never told after a password prompt, even if the program prints it', () => {
    input.typed('s', true);
    input.typed('ecret\r', true);
    input.printed(Buffer.from('you said secret\r\n'));
    assert.deepEqual(input.describe(), ['(6 characters, not shown)']);
  });

  it('leaves out what the terminal itself answers, and keys that are no text', () => {
    for (const reply of ['\x1b[?1;2c', '\x1b[24;80R', '\x1b]11;rgb:0000/0000/0000\x07', '\x1b[I', '\x1b[<0;3;4M'])
      input.typed(reply, false);
    input.typed('\x1b[A', false);
    input.typed('\x03', false);
    assert.deepEqual(input.describe(), []);
  });

  it('minds backspace', () => {
    input.typed('helo\x7flo\r', false);
    input.printed(Buffer.from('helo\b \blo\r\n'));
    assert.deepEqual(input.describe(), ['"hello"']);
  });

  it('stays bounded', () => {
    for (let line = 0; line < 200; line++) {
      input.typed(`${'x'.repeat(10_000)}\r`, false);
      input.printed(Buffer.from('x'.repeat(10_000)));
    }
    const told = input.describe();
    assert.equal(told.length, 51);
    assert.equal(told[0], '(150 lines before)');
    assert.ok(told.join('').length < 150_000);
  });
});
