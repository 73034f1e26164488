import * as assert from 'node:assert/strict';
import { readSnippet, toIndexed, toMatchExpression } from '../../../server/src/storage/index/searchText.ts';

describe('search text', () => {
  for (const [typed, expected] of [
    ['hello', '"hello*"'],
    ['  two   words ', '"two*" "words*"'],
    ['"an exact phrase" more', '"an exact phrase" "more*"'],
    ['fileSystem.ts', '"fileSystem ts*"'],
    ['a OR b NOT c NEAR/3 d', '"a*" "OR*" "b*" "NOT*" "c*" "NEAR 3*" "d*"'],
    ['text:x -y (z', '"text x*" "y*" "z*"'],
    ['an "unfinished', '"an*" "unfinished*"'],
    ["it's; DROP TABLE conversation", '"it s*" "DROP*" "TABLE*" "conversation*"'],
  ] as const) {
    it(`takes ${JSON.stringify(typed)} for words, never for operators`, () => {
      assert.equal(toMatchExpression(typed), expected);
    });
  }

  it('finds no word in what has none', () => {
    for (const typed of ['', '  ', '++ -- "" * ():', '\u0001'])
      assert.equal(toMatchExpression(typed), undefined, typed);
  });

  it('takes ideographs for words that follow one another', () => {
    assert.equal(toMatchExpression('漢字'), '"漢 字*"');
    assert.equal(toIndexed('plain text'), 'plain text');
    assert.equal(toIndexed('a漢字').replaceAll('\u200b', '|'), 'a|漢||字|');
  });

  it('reads snippets as text and places, neighbours as one', () => {
    assert.deepEqual(readSnippet('…say \u0001hello\u0002\n  world'), {
      snippet: '…say hello world',
      highlights: [{ start: 5, end: 10 }],
    });
    assert.deepEqual(readSnippet(`\u0001漢\u0002\u200b\u200b\u0001字\u0002`).highlights, [{ start: 0, end: 2 }]);
  });

  it('lets no text pretend to be marked', () => {
    assert.equal(toIndexed('a\u0001b\u0002c'), 'a b c');
  });
});
