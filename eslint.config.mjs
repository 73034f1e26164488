import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { constantSql } from './scripts/checks/constantSql.mjs';

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
];

/** What is printed in the server goes through the one module that makes it safe for a terminal. */
const saysPast = 'What is printed goes through server/src/cli/terminalOutput.ts, which makes it safe for a terminal.';
const isOutput = '/^(stdout|stderr)$/';
const onlyLooks = 'MemberExpression[property.name=/^(isTTY|columns|rows)$/] > MemberExpression.object';
const pastTerminalOutput = [
  {
    selector: `MemberExpression[object.name='process'][property.name=${isOutput}]:not(${onlyLooks})`,
    message: saysPast,
  },
  {
    selector: `MemberExpression[object.property.name='process'][property.name=${isOutput}]:not(${onlyLooks})`,
    message: saysPast,
  },
  { selector: `MemberExpression[object.name='process'][property.value=${isOutput}]`, message: saysPast },
  { selector: `VariableDeclarator[init.name='process'] Property[key.name=${isOutput}]`, message: saysPast },
  {
    selector:
      'CallExpression:matches([callee.property.name=/^writev?(Sync)?$/], [callee.name=/^writev?Sync$/]) > Literal.arguments:first-child[raw=/^[12]$/]',
    message: saysPast,
  },
];
/** Who has stdout or stderr all the same, and why. */
const hasOutput = [
  // The module itself.
  'server/src/cli/terminalOutput.ts',
  // Shows the program of a terminal as it is, through the filter of BorrowedScreen.
  'server/src/cli/terminalAttachment.ts',
  // Stdout belongs to the protocol there: frames of JSON, for a program to read.
  'server/src/transports/languageServerTransport.ts',
  // Node's own words about its own thread, in a process whose command line is not loaded yet.
  'server/src/transports/parentWatch.ts',
  // A process of its own, which may import nothing of the server's; it says why it could not start.
  'server/src/ptyHost/main.ts',
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
      'no-restricted-syntax': ['error', ...waysRound, ...pastTerminalOutput],
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
            { name: 'node:process', message: 'Use the global, whose output has its own rule.' },
            { name: 'process', message: 'Use the global, whose output has its own rule.' },
            { name: 'node:console', message: saysPast },
            { name: 'console', message: saysPast },
            { name: 'dompurify', message: 'HTML is made by webview-ui/src/markdown/renderMarkdown.ts only.' },
          ],
        },
      ],
    },
  },
  {
    files: ['server/**'],
    plugins: { checks: { rules: { 'constant-sql': constantSql } } },
    rules: { 'checks/constant-sql': 'error' },
  },
  {
    files: hasOutput,
    rules: { 'no-restricted-syntax': ['error', ...waysRound] },
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
