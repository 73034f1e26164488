import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import ignore from 'ignore';
import { segmentsOf, StepBudget } from '../../../server/src/tools/globPattern.ts';
import { chosenBy } from '../../../server/src/tools/ignoreRules.ts';

describe('A glob', () => {
  const isChosen = (pattern: string, path: string, steps = new StepBudget(1_000_000)): boolean =>
    chosenBy(pattern)?.matches(segmentsOf(path), steps) ?? false;

  const cases: [pattern: string, chosen: string[], others: string[]][] = [
    ['*.ts', ['a.ts', 'src/a.ts', '.ts'], ['a.tsx', 'ts']],
    ['src', ['src', 'src/a', 'lib/src/a'], ['srcs/a']],
    ['src/', ['src/a', 'lib/src/a'], ['src']],
    ['/src', ['src/a'], ['lib/src/a']],
    ['src/**', ['src/a', 'src/b/c'], ['src', 'lib/src/a']],
    ['src/**/*.test.js', ['src/a.test.js', 'src/b/c/a.test.js'], ['a.test.js', 'src/a.js']],
    ['**', ['a', 'a/b'], []],
    ['a?c', ['abc', 'a😀c'], ['ac', 'a/c', 'abbc']],
    ['[a-c]1', ['b1'], ['d1', '-1']],
    ['[!a-c]1', ['d1'], ['b1', '1']],
    ['[]-]', [']', '-'], ['a']],
    ['[\\]x]', [']', 'x'], ['\\']],
    ['\\*', ['*'], ['a']],
    ['a*b*c', ['abc', 'a1b2bc', 'abcbc'], ['ab', 'acb']],
  ];
  for (const [pattern, chosen, others] of cases) {
    it(`${pattern} chooses ${chosen.join(', ')}`, () => {
      for (const path of chosen) assert.equal(isChosen(pattern, path), true, path);
      for (const path of others) assert.equal(isChosen(pattern, path), false, path);
    });
  }

  it('is none where nothing could be chosen by it', () => {
    for (const line of ['', ' ', '# a', '!a', '/', '[a', 'a\\']) assert.equal(chosenBy(line), undefined, line);
  });

  it('chooses what the library of that name would ignore', () => {
    const names = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '*', '?', '**', '[ab]', '[!a]'),
      minLength: 1,
      maxLength: 4,
    });
    // Of stars that do not stand for folders that library makes something else.
    const parts = fc.oneof(
      names.filter((name) => !name.includes('**')),
      fc.constant('**'),
    );
    const patterns = fc
      .tuple(fc.constantFrom('', '/'), fc.array(parts, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/'))
      .map(([start, middle, end]) => `${start}${middle.join('/')}${end}`);
    const paths = fc
      .array(fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 4,
      })
      .filter((path) => !path.some((name) => /^\.+$/.test(name)));
    fc.assert(
      fc.property(patterns, paths, (pattern, names) => {
        const path = names.join('/');
        assert.equal(isChosen(pattern, path), ignore({ ignorecase: false }).add(pattern).ignores(path));
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes no more steps than its characters times those of the path, whatever it is', () => {
    const pieces = ['a', 'a/', '*', '*a', '**/', '/**/a', '?', '[a]', '[!b]', 'aaaa'];
    const piece = fc
      .tuple(fc.constantFrom(...pieces), fc.integer({ min: 1, max: 60 }))
      .map(([text, count]) => text.repeat(count));
    const patterns = fc.array(piece, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join('')}x`);
    const path = fc
      .constantFrom('a/'.repeat(200), 'a'.repeat(255), `${'a'.repeat(50)}/`.repeat(10))
      .map((text) => `${text}b`);
    fc.assert(
      fc.property(patterns, path, (pattern, name) => {
        const steps = new StepBudget(2 * (pattern.length + 6) * (name.length + 1));
        assert.equal(isChosen(pattern, name, steps), false);
        assert.equal(steps.isSpent, false);
      }),
    );
  });

  it('matches nothing any more where the steps are spent', () => {
    const steps = new StepBudget(10);
    assert.equal(isChosen('*a*a*a*a*', 'a'.repeat(100), steps), false);
    assert.equal(steps.isSpent, true);
    assert.equal(isChosen('a', 'a', steps), false);
  });
});
