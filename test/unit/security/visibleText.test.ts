import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeVisible } from '../../../server/src/security/visibleText.ts';

describe('visible text', () => {
  const cases: readonly (readonly [what: string, text: string, shown: string])[] = [
    ['leaves ordinary text alone', 'grep -n "ä€𝄞" a.txt | wc\n\tnext', 'grep -n "ä€𝄞" a.txt | wc\n\tnext'],
    ['shows escape sequences', '\x1B[2K\x1B]52;c;x\x07', '␛[2K␛]52;c;x␇'],
    ['shows a carriage return, which would overwrite the line', 'rm -rf /\rls', 'rm -rf /␍ls'],
    ['shows NUL, backspace and delete', '\0\b\x7F', '␀␈␡'],
    ['shows C1 controls', '\u009B31m\u0085', '<U+009B>31m<U+0085>'],
    [
      'shows every bidi control',
      '\u202A\u202E\u2066\u2069\u200E\u061C',
      '<U+202A><U+202E><U+2066><U+2069><U+200E><U+061C>',
    ],
    ['shows zero-width characters', 'a\u200Bb\u200Dc\uFEFF\u2060', 'a<U+200B>b<U+200D>c<U+FEFF><U+2060>'],
    ['decodes Unicode tags', '\u{E0072}\u{E006D}\u{E007F}', "<U+E0072 'r'><U+E006D 'm'><U+E007F>"],
    ['shows variation selectors, which can carry bytes', '\uFE00\u{E0100}', '<U+FE00><U+E0100>'],
    ['shows blanks that are none', 'a\u00A0b\u3000c\u2028', 'a<U+00A0>b<U+3000>c<U+2028>'],
    ['shows fillers that look empty', '\u3164\u115F\uFFA0', '<U+3164><U+115F><U+FFA0>'],
    ['shows lone surrogates and private characters', '\uD800x\uE000', '<U+D800>x<U+E000>'],
  ];
  for (const [what, text, shown] of cases) it(what, () => assert.equal(makeVisible(text), shown));

  it('leaves nothing invisible in any text, and changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const shown = makeVisible(text);
        assert.doesNotMatch(shown, /[^\P{Cc}\n\t]/u);
        assert.doesNotMatch(shown, /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]/u);
        assert.equal(makeVisible(shown), shown);
      }),
    );
  });
});
