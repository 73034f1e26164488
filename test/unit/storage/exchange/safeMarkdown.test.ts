import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Lexer, type Token, type Tokens } from 'marked';
import {
  embedMarkdown as embed,
  fenced,
  inlineCode,
  inlineText,
  quoted,
} from '../../../../server/src/storage/exchange/safeMarkdown.ts';

const runs = Number(process.env['EXCHANGE_RUNS'] ?? 2_000);
/** Pieces that mean something to Markdown or HTML, put together in every way. */
const piece = fc.constantFrom(
  ...['```', '````', '~~~', '`', '``', '\\', '|', '<img src=x onerror=alert(1)>', '</pre>', '<!--', '<script>', '<?'],
  ...['\n', '\n\n', '\r', '\n   ', '\n    ', '\t', '- ', '> ', '1. ', '# ', '## ', '===', '---', '![a](b)', '[a](<b>)'],
  ...['- ```\n', '\n  ```\n', '\n  <p>\n', 'www.a.b', 'a@b.c', '1) ~~~\n', '```|\n', '|a\n', '\n:-:|', '\n   ~~~\n'],
  ...[
    '<https://a.b>',
    '[a]: b "c',
    '&lt;',
    'x',
    ' ',
    '\u00a0',
    '\u001b[31m',
    '\u202e',
    'word',
    'a < b',
    '*',
    '$',
    '<b',
  ],
);
const hostile = fc.oneof(
  { weight: 4, arbitrary: fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')) },
  fc.string({ unit: 'binary', maxLength: 60 }),
);

/** As one text, without the last line break. */
const embedMarkdown = (text: string): string => [...embed(text)].join('').replace(/\n$/, '');

describe('Markdown of others within a document', () => {
  it('opens no element, loads no image, leaves no fence open and makes no heading of ours', () => {
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const document = `# Ours\n\n${embedMarkdown(first)}\n\n## Ours\n\n${quoted(embedMarkdown(second))}\n\n## Ours\n`;
        const tokens = flatten(Lexer.lex(document));
        assert.deepEqual(
          tokens.filter(({ type }) => type === 'html' || type === 'image').map(({ raw }) => raw),
          [],
        );
        const headings = Lexer.lex(document).filter((token): token is Tokens.Heading => token.type === 'heading');
        assert.deepEqual(
          headings.filter(({ depth }) => depth <= 2).map(({ depth, text }) => [depth, text]),
          [
            [1, 'Ours'],
            [2, 'Ours'],
            [2, 'Ours'],
          ],
        );
      }),
      { numRuns: runs },
    );
  });

  it('shows in a block of code exactly what it holds, but for what would not be seen', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [code, ...others] = Lexer.lex(`${fenced(text)}\n\n## Ours\n`).filter(({ type }) => type !== 'space');
        assert.equal(code?.type, 'code');
        assert.deepEqual(
          others.map(({ type, raw }) => [type, raw.trim()]),
          [['heading', '## Ours']],
        );
        // eslint-disable-next-line no-control-regex -- these are what must not be there
        assert.doesNotMatch(code.raw, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
      }),
      { numRuns: runs },
    );
  });

  it('stays within its line, as code and as words', () => {
    fc.assert(
      fc.property(hostile, hostile, (code, words) => {
        const tokens = Lexer.lex(`## Tool ${inlineCode(code)} · ${inlineText(words)}\n\nafter\n`);
        assert.deepEqual(
          tokens.filter(({ type }) => type !== 'space').map(({ type }) => type),
          ['heading', 'paragraph'],
        );
        assert.deepEqual(
          flatten(tokens).filter(({ type }) => ['html', 'image', 'strong', 'em'].includes(type)),
          [],
        );
      }),
      { numRuns: runs },
    );
  });

  it('takes time in proportion to its length, whatever it is', () => {
    const worst = ['`', '@', '![', '<b', '\n ```x', '\n```x', '```', '|`', '\n# ', '`a` ', '  \n', '\n--', '``` `` '];
    for (const piece of worst) {
      const startedAt = performance.now();
      [...embed(`x${piece.repeat(1_000_000 / piece.length)}`)].join('');
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 3_000, `${JSON.stringify(piece)} took ${tookMs} ms`);
    }
  });

  it('stays as it was written where it is harmless', () => {
    const answer = [
      '### Steps',
      '',
      '1. Use `Array<string>`, since 1 < 2',
      '2. **Run** it:',
      '',
      '```ts',
      'const a: Map<string, number> = b; // <script>',
      '```',
      'Done.',
    ].join('\n');
    assert.equal(embedMarkdown(answer), answer.replace('### Steps', '##### Steps'));
    assert.equal(embedMarkdown('a\r\nb'), 'a\nb');
    assert.equal(embedMarkdown('Title\n---\n\nText\n\n---'), 'Title\n\\---\n\nText\n\n---');
    assert.equal(embedMarkdown('```\nopen'), '```\nopen\n```');
    const nested = '- Do\n  ```html\n  <p>\n  ```\n';
    assert.equal(embedMarkdown(nested), nested.trim());
    assert.equal(embedMarkdown('<b>` <i>\n`<u>`'), '&lt;b>` &lt;i>\n`&lt;u>`');
    assert.equal(fenced('a ```` b', 'sh'), '`````sh\na ```` b\n`````');
    assert.equal(inlineCode('a`b'), '``a`b``');
    assert.equal(inlineText('# *a* <b> [c]'), '\\# \\*a\\* &lt;b> \\[c\\]');
  });
});

function flatten(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => {
    const children = 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
    const items = 'items' in token && Array.isArray(token.items) ? (token.items as Token[]) : [];
    return [token, ...flatten(children), ...flatten(items)];
  });
}
