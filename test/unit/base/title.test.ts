import assert from 'node:assert/strict';
import { givenTitle, titleOfText } from '../../../server/src/base/title.ts';

describe('The title of a conversation', () => {
  it('is the first line of a text that has something to see', () => {
    assert.equal(titleOfText('\n \u200b\t\n  Why does\u001b the\tparser fail?  \nmore'), 'Why does the parser fail?');
    assert.equal(titleOfText('\n\u200b\n'), '');
  });

  it('has at most 80 characters of a text, none of them cut in two', () => {
    assert.equal(titleOfText('🙂'.repeat(80)), '🙂'.repeat(80));
    assert.equal(titleOfText('🙂'.repeat(81)), `${'🙂'.repeat(79)}…`);
  });

  it('is one line of what was given, of at most 200 characters', () => {
    assert.equal(givenTitle(' one\ntwo '), 'one two');
    assert.equal(givenTitle('x'.repeat(200)), 'x'.repeat(200));
    assert.equal(givenTitle('x'.repeat(201)), `${'x'.repeat(199)}…`);
  });

  it('keeps what joins letters and signs, and nothing that moves or hides them', () => {
    for (const title of ['Family 👨‍👩‍👧 plan', 'می‌خواهم', 'क्‍ष', 'co\u00adoperate', '❤️'])
      assert.equal(givenTitle(title), title);
    assert.equal(givenTitle('a\u202egpj.exe\u2066\u001b[31mb\u2028c\ud800'), 'a gpj.exe [31mb c\ufffd');
    for (const nothing of ['\u200b', '\u200d\ufe0f', '\u3164', ' \u00a0\u2060 ']) assert.equal(givenTitle(nothing), '');
  });

  it('is looked for in the first 16 Ki characters', () => {
    assert.equal(titleOfText(`${' '.repeat(16 * 1024 - 4)}late`), 'late');
    assert.equal(titleOfText(`${' '.repeat(16 * 1024 - 1)}late`), 'l');
    assert.equal(titleOfText(`${' '.repeat(16 * 1024)}late`), '');
    assert.equal(givenTitle(`${' '.repeat(16 * 1024)}late`), '');
  });
});
