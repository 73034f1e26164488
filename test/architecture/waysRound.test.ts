import assert from 'node:assert/strict';
import { ESLint } from 'eslint';
import * as path from 'node:path';
import { projectFolder } from '../../scripts/project.ts';

/** Each goes round the one module that makes a string safe for where it is put. */
const waysRound: readonly { readonly file: string; readonly code: string; readonly rule: string }[] = [
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: 'document.body.innerHTML = String(1);',
    rule: 'no-restricted-syntax',
  },
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: 'document.body.outerHTML = String(1);',
    rule: 'no-restricted-syntax',
  },
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: "document.body.insertAdjacentHTML('beforeend', String(1));",
    rule: 'no-restricted-syntax',
  },
  { file: 'webview-ui/src/agentPanel/main.tsx', code: 'document.write(String(1));', rule: 'no-restricted-syntax' },
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: 'export const a = <p dangerouslySetInnerHTML={{ __html: String(1) }} />;',
    rule: 'no-restricted-syntax',
  },
  { file: 'webview-ui/src/agentPanel/main.tsx', code: "import 'dompurify';", rule: 'no-restricted-imports' },
  {
    file: 'server/src/main.ts',
    code: "import { exec } from 'node:child_process'; exec('x');",
    rule: 'no-restricted-imports',
  },
  {
    file: 'server/src/main.ts',
    code: "import { spawn } from 'node:child_process'; spawn('x', [], { shell: true });",
    rule: 'no-restricted-syntax',
  },
  {
    file: 'server/src/main.ts',
    code: 'export const a = (db: { run(sql: string): void }, x: string) => db.run(`DELETE FROM a WHERE b = ${x}`);',
    rule: 'no-restricted-syntax',
  },
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: "document.body['innerHTML'] = String(1);",
    rule: 'no-restricted-syntax',
  },
  {
    file: 'webview-ui/src/agentPanel/main.tsx',
    code: 'Object.assign(document.body, { innerHTML: String(1) });',
    rule: 'no-restricted-syntax',
  },
  { file: 'server/src/main.ts', code: "import 'child_process';", rule: 'no-restricted-imports' },
  {
    file: 'server/src/main.ts',
    code: "import { spawn } from 'node:child_process'; spawn('x', [], { shell: '/bin/sh' });",
    rule: 'no-restricted-syntax',
  },
  {
    file: 'server/src/main.ts',
    code: "import { spawn } from 'node:child_process'; spawn('sh', ['-c', String(1)]);",
    rule: 'no-restricted-syntax',
  },
  {
    file: 'server/src/main.ts',
    code: "export const a = (db: { run(sql: string): void }, x: string) => db.run('DELETE FROM a WHERE b = ' + x);",
    rule: 'no-restricted-syntax',
  },
  { file: 'server/src/main.ts', code: "export const a = new Function('x', 'return x');", rule: 'no-new-func' },
  { file: 'extension/src/extension.ts', code: "eval('1');", rule: 'no-eval' },
];

describe('A way round the modules that make strings safe', function () {
  this.timeout(120_000);
  const eslint = new ESLint({
    cwd: projectFolder,
    ruleFilter: ({ ruleId }) => waysRound.some(({ rule }) => rule === ruleId),
  });

  for (const { file, code, rule } of waysRound) {
    it(`is found: ${code}`, async () => {
      const [result] = await eslint.lintText(code, { filePath: path.join(projectFolder, file) });
      const found = result?.messages.map(({ ruleId }) => ruleId) ?? [];
      assert.ok(found.includes(rule), JSON.stringify(result?.messages));
    });
  }
});
