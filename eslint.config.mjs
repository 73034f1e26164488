import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** What a string from a model, a file, a terminal or the network must not come into but through the one module for it. */
const startsProgram = 'CallExpression[callee.name=/^(spawn|spawnSync|execFile|execFileSync|fork)$/]';
const waysRound = [
  {
    selector: 'AssignmentExpression[left.property.name=/^(innerHTML|outerHTML|srcdoc)$/]',
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector: 'AssignmentExpression[left.property.value=/^(innerHTML|outerHTML|srcdoc)$/]',
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector: 'Property[key.name=/^(innerHTML|outerHTML|srcdoc)$/]',
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector:
      'CallExpression[callee.property.name=/^(insertAdjacentHTML|createContextualFragment|setHTMLUnsafe|parseFromString)$/]',
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector: "CallExpression[callee.object.name='document'][callee.property.name=/^(write|writeln)$/]",
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
    message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.',
  },
  {
    selector: `${startsProgram} Property[key.name='shell']`,
    message: 'A program is started with an array of arguments, never by a shell.',
  },
  {
    selector: `${startsProgram} > ArrayExpression > Literal[value=/^-l?i?c$/]`,
    message: 'A program is started with an array of arguments, never by a shell.',
  },
  {
    selector:
      'CallExpression[callee.property.name=/^(run|exec|prepare|each)$/] > TemplateLiteral.arguments:first-child[expressions.length>0]',
    message: 'SQL is a constant; values are bound as parameters.',
  },
  {
    selector:
      'CallExpression[callee.property.name=/^(run|exec|prepare|each)$/] > BinaryExpression.arguments:first-child',
    message: 'SQL is a constant; values are bound as parameters.',
  },
];

export default defineConfig(
  {
    ignores: ['dist/', 'node_modules/', 'test-output/', '.cache/', 'test/fixtures/', '**/*.cjs', '**/*.mjs', '**/*.js'],
  },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-params': 'off',
      '@typescript-eslint/max-params': ['error', { max: 4 }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },
  {
    files: ['extension/**', 'server/**', 'webview-ui/**'],
    rules: {
      'no-eval': 'error',
      'no-new-func': 'error',
      'no-restricted-syntax': ['error', ...waysRound],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'node:child_process',
              importNames: ['exec', 'execSync'],
              message: 'A program is started with an array of arguments, never by a shell.',
            },
            { name: 'child_process', message: 'Write node:child_process, which has its own rule.' },
            { name: 'dompurify', message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.' },
          ],
        },
      ],
    },
  },
  {
    files: ['webview-ui/src/markdown/renderMarkdown.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    // The command line, the npm scripts and the tests talk to a person on stdout.
    files: ['scripts/**', 'test/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [] }],
    },
  },
);
