import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readCodePath, readLinkTarget } from '../../../webview-ui/src/markdown/links.ts';
import { MarkdownBlocks } from '../../../webview-ui/src/markdown/markdownBlocks.ts';
import { dropHidden, plainTerminalText, revealHidden } from '../../../webview-ui/src/markdown/visibleText.ts';

const answer = [
  '# Title\n\nA paragraph\nof two lines.\n\n',
  '- one\n- two\n\n  still two\n\n1. first\n\n',
  '```ts\nconst a = 1;\n\n\nconst b = 2;\n```\n\n',
  '| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\nThe end.',
].join('');

describe('the blocks of a growing answer', () => {
  it('splits a whole answer at its top-level blocks', () => {
    const blocks = new MarkdownBlocks().update(answer);
    assert.deepEqual(
      blocks.map((block) => block.trim().split('\n')[0]),
      ['# Title', 'A paragraph', '- one', '1. first', '```ts', '| a | b |', '> quoted', 'The end.'],
    );
  });

  it('gives the same blocks in whatever pieces the answer arrives, and loses no character', () => {
    const whole = new MarkdownBlocks().update(answer);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: answer.length }), { maxLength: 30 }), (cuts) => {
        const blocks = new MarkdownBlocks();
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          assert.equal(blocks.update(answer.slice(0, cut)).join(''), answer.slice(0, cut));
        }
        assert.deepEqual(blocks.update(answer), whole);
      }),
    );
  });

  it('keeps every character of arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (first, second) => {
        const blocks = new MarkdownBlocks();
        assert.equal(blocks.update(first).join(''), first);
        assert.equal(blocks.update(first + second).join(''), first + second);
      }),
    );
  });

  it('does not give a settled block another identity while the text grows', () => {
    const blocks = new MarkdownBlocks();
    const early = blocks.update(`${answer}\n\nMore`);
    const late = blocks.update(`${answer}\n\nMore and more\n\n## And a heading\n\nText`);
    assert.deepEqual(late.slice(0, early.length - 1), early.slice(0, -1));
  });

  it('starts afresh with another text', () => {
    const blocks = new MarkdownBlocks();
    blocks.update('one\n\ntwo\n\nthree\n\nfour');
    assert.deepEqual(blocks.update('other'), ['other']);
  });
});

describe('link targets', () => {
  it('accepts http and https links', () => {
    assert.deepEqual(readLinkTarget('https://example.org/a?b#c'), { kind: 'web', url: 'https://example.org/a?b#c' });
    assert.equal(readLinkTarget('HTTP://example.org')?.kind, 'web');
  });

  it('refuses every other scheme, however it is written', () => {
    const refused = [
      'command:workbench.action.terminal.new',
      'javascript:alert(1)',
      ' JaVaScRiPt:alert(1)',
      'java\tscript:alert(1)',
      'data:text/html,<script>',
      'vscode://file/etc/passwd',
      'file:///etc/passwd',
      'vbscript:x',
      'blob:https://x/1',
      'https:evil',
      '//evil.example/x',
      '\\\\server\\share\\x.exe',
      '%5C%5Cserver%5Cshare%5Cx.txt',
      '%2F%2Fserver/share/x.txt',
      '/%2Fserver/share/x.txt',
      '%5c/server/share/x.txt:3',
      '#anchor',
      '',
    ];
    for (const href of refused) assert.equal(readLinkTarget(href), null, href);
  });

  it('reads file paths with and without a line', () => {
    assert.deepEqual(readLinkTarget('src/main.ts'), { kind: 'file', path: 'src/main.ts', line: null });
    assert.deepEqual(readLinkTarget('src/main.ts:10:4'), { kind: 'file', path: 'src/main.ts', line: 10 });
    assert.deepEqual(readLinkTarget('main.ts:10'), { kind: 'file', path: 'main.ts', line: 10 });
    assert.deepEqual(readLinkTarget('./a%20b.ts#L7-L9'), { kind: 'file', path: './a b.ts', line: 7 });
    assert.deepEqual(readLinkTarget('/project/100%.md'), { kind: 'file', path: '/project/100%.md', line: null });
    assert.deepEqual(readLinkTarget('C:\\project\\a.ts:3'), { kind: 'file', path: 'C:\\project\\a.ts', line: 3 });
  });

  it('reads paths in inline code only where they plainly are paths', () => {
    assert.deepEqual(readCodePath('src/parser.ts:118'), { kind: 'file', path: 'src/parser.ts', line: 118 });
    for (const code of ['null', 'a/b', 'obj.method', 'npm test', '//evil.example/x.js', 'https://a.example/b.js']) {
      assert.equal(readCodePath(code), null, code);
    }
  });

  it('never reads anything but web and file targets out of arbitrary text', () => {
    fc.assert(
      fc.property(fc.string(), (href) => {
        const target = readLinkTarget(href);
        if (target?.kind === 'web') assert.match(target.url, /^https?:\/\//);
        if (target?.kind === 'file') assert.doesNotMatch(target.path, /^([\\/]{2}|[a-z][a-z0-9+.-]+:\/\/)/i);
      }),
    );
    const slashes = fc.constantFrom('/', '\\', '%2F', '%2f', '%5C', '%5c', '%252F', ' ', '%20', '.', 'a', '%');
    fc.assert(
      fc.property(fc.string({ unit: slashes }), (start) => {
        for (const target of [readLinkTarget(`${start}server/a.txt`), readCodePath(`${start}server/a.txt`)]) {
          if (target?.kind === 'file') assert.doesNotMatch(target.path, /^[\\/]{2}/);
        }
      }),
    );
  });
});

describe('hidden characters', () => {
  it('are shown by their codes where a person decides', () => {
    assert.equal(revealHidden('rm \u202Efoo\u001b[2K\u{e0041}'), 'rm ⟨U+202E⟩foo⟨U+001B⟩[2K⟨U+E0041⟩');
    assert.equal(revealHidden('a\tb\r\nc'), 'a\tb\nc');
  });

  it('are left out of an answer, and emoji stay whole', () => {
    assert.equal(dropHidden('a\u200bb\u{e0020}c 👩‍💻'), 'abc 👩‍💻');
  });

  it('and escape sequences are no part of plain terminal text', () => {
    assert.equal(
      plainTerminalText('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007text\r\n10%\r50%\r100%\r\n'),
      'red text\n100%\n',
    );
  });
});
