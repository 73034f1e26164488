import assert from 'node:assert/strict';
import { DetachKey } from '../../../server/src/cli/detachKey.ts';

describe('The detach key', () => {
  const names: [string, string, number][] = [
    ['ctrl-\\', 'Ctrl-\\', 0x1c],
    ['Ctrl+A', 'Ctrl-A', 1],
    ['^]', 'Ctrl-]', 0x1d],
    ['^z', 'Ctrl-Z', 26],
    ['ctrl-@', 'Ctrl-@', 0],
    ['ctrl-_', 'Ctrl-_', 0x1f],
  ];
  for (const [text, name, byte] of names) {
    it(`may be named ${text}`, () => {
      const key = DetachKey.parse(text);
      assert.equal(key.name, name);
      assert.equal(key.find(Buffer.of(byte)), 0);
      assert.equal(key.find(Buffer.of(0x78, byte)), 1);
      assert.equal(key.find(Buffer.from('abc')), -1);
    });
  }

  for (const text of ['', 'x', 'ctrl', 'ctrl-', 'ctrl-ab', 'alt-x', '^?', 'ctrl-1']) {
    it(`is not "${text}"`, () => {
      assert.throws(() => DetachKey.parse(text), { code: 'commander.invalidArgument', message: /such as "ctrl-\]"/ });
    });
  }

  it('is known in the forms of programs that ask for keys as numbers', () => {
    const key = DetachKey.parse('ctrl-\\');
    assert.equal(key.find(Buffer.from('\x1b[92;5u')), 0);
    assert.equal(key.find(Buffer.from('x\x1b[27;5;92~')), 1);
    assert.equal(key.find(Buffer.from('\x1b[92;6u')), -1);
    assert.equal(DetachKey.parse('ctrl-a').find(Buffer.from('\x1b[97;5u')), 0);
  });

  it('is not what somebody pastes, wherever the paste is cut', () => {
    const pasted = Buffer.from('before\x1b[200~one\x1ctwo\x1b[201~after');
    for (let cut = 1; cut < pasted.length; cut++) {
      // A start that is itself cut is not known for one.
      if (cut > 6 && cut < 12) continue;
      const key = DetachKey.parse('ctrl-\\');
      assert.equal(key.find(pasted.subarray(0, cut)), -1, `the first ${cut} bytes`);
      assert.equal(key.find(pasted.subarray(cut)), -1, `what follows the first ${cut} bytes`);
      assert.equal(key.find(Buffer.from('x\x1c')), 1);
    }
  });

  it('is found after a paste in the same read', () => {
    assert.equal(
      DetachKey.parse('ctrl-\\').find(Buffer.from('\x1b[200~a\x1c\x1b[201~\x1b[200~\x1c\x1b[201~b\x1cc')),
      28,
    );
  });

  it('is known when pressed alone, even where a paste never ended', () => {
    const key = DetachKey.parse('ctrl-\\');
    assert.equal(key.find(Buffer.from('\x1b[200~text')), -1);
    assert.equal(key.find(Buffer.from('more\x1ctext')), -1);
    assert.equal(key.find(Buffer.of(0x1c)), 0);
  });
});
