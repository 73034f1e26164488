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
    rule: 'checks/constant-sql',
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
    rule: 'checks/constant-sql',
  },
  { file: 'server/src/main.ts', code: "export const a = new Function('x', 'return x');", rule: 'no-new-func' },
  { file: 'extension/src/extension.ts', code: "eval('1');", rule: 'no-eval' },
  ...[
    "const sql = 'DELETE FROM a WHERE b = ' + x; db.run(sql);",
    "let sql = 'SELECT 1'; sql += x; db.exec(sql);",
    "db.prepare(['SELECT', x].join(' '));",
    'db.each(`SELECT ${x}` as const, () => undefined, () => undefined);',
    'db.run(x);',
    "db['exec'](x);",
    'const { sql } = { sql: x }; db.exec(sql);',
    'const run = db.run; run(x);',
    'db.exec.call(db, x);',
    'const f = (sql: string) => { sql = x; db.exec(sql); }; f(`SELECT 1`);',
    'const f = (sql: string) => db.exec(sql); f(`SELECT ${x}`);',
    'const f = (sql: string) => db.exec(sql); [x].map(f);',
    '[x].forEach((sql) => db.exec(sql));',
    'const f = ({ sql }: { sql: string }) => db.exec(sql); f({ sql: x });',
    'const f = (...[sql = x]: string[]) => db.exec(sql); f(x);',
    'const f = (text: string) => db.exec(text); f(`SELECT 1`);',
  ].map((code) => ({
    file: 'server/src/storage/index/indexDatabase.ts',
    code: `import type { Database } from 'sql.js';\nexport function a(db: Database, x: string) { ${code} }`,
    rule: 'checks/constant-sql',
  })),
  ...[
    'process.stdout.write(String(1));',
    'process.stderr.write(String(1));',
    "process['stdout'].write(String(1));",
    'globalThis.process.stdout.write(String(1));',
    'const { stdout } = process; stdout.write(String(1));',
    'export const out = process.stdout;',
    "import { writeSync } from 'node:fs'; writeSync(1, 'x');",
    "import * as fs from 'node:fs'; fs.writeSync(2, 'x');",
  ].map((code) => ({ file: 'server/src/cli/run.ts', code, rule: 'no-restricted-syntax' })),
  {
    file: 'server/src/cli/run.ts',
    code: "import { stdout } from 'node:process'; stdout.write('x');",
    rule: 'no-restricted-imports',
  },
  {
    file: 'server/src/cli/run.ts',
    code: "import { log } from 'node:console'; log('x');",
    rule: 'no-restricted-imports',
  },
  ...['server/src/cli/run.ts', 'server/src/cli/terminalOutput.ts', 'extension/src/extension.ts'].map((file) => ({
    file,
    code: 'console.error(String(1));',
    rule: 'no-console',
  })),
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

  it('is not seen in SQL that is a constant, and in a look at what the output is', async () => {
    const lines = [
      "import type { Database } from 'sql.js';",
      'const most = 5;',
      'export function a(db: Database, some: boolean): boolean {',
      "  const sql = `SELECT 1 ${some ? '' : 'WHERE a = ?'} LIMIT ${most}` as const;",
      '  const ask = (sql: string) => db.exec(sql);',
      "  db.run(sql); ask(sql); ask('SELECT 2');",
      '  return process.stdout.isTTY;',
      '}',
    ];
    const [result] = await eslint.lintText(lines.join('\n'), {
      filePath: path.join(projectFolder, 'server/src/storage/index/indexDatabase.ts'),
    });
    assert.deepEqual(result?.messages, []);
  });
});
