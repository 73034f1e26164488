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

  it('takes no longer for a text of many megabytes', () => {
    assert.equal(titleOfText(' '.repeat(50_000_000)), '');
  });
});
