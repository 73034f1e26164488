import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '../../../scripts/project.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const run = promisify(execFile);
const tests = 'test/integration/security/auditedPaths.test.ts';

/** Each call that tells the audit log of something, and what stands in its place where it was forgotten. */
const calls: readonly {
  readonly file: string;
  readonly call: string;
  readonly without: string;
  readonly tests: string;
}[] = [
  {
    file: 'server/src/terminals/terminalService.ts',
    call: 'this.options.audit.record(startOf(program))',
    without: 'startOf(program)',
    tests: 'in terminals',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "await this.record(effect, 'denied', { why: decision.message });",
    without: '',
    tests: 'each decision',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "else await this.record(effect, 'allowed', { path: decision.path });",
    without: '',
    tests: 'each decision',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "await this.record(effect, allowed ? 'allowedByPerson' : 'deniedByPerson', { path: decision.path });",
    without: '',
    tests: 'the answer allow_once',
  },
  {
    file: 'server/src/agents/permissions.ts',
    call: 'await this.options.record(optionId, { requestId, toolCallId: question.toolCallId });',
    without: '',
    tests: 'answer',
  },
  {
    file: 'server/src/security/door/doorGuard.ts',
    call: 'onRefused(reason, request);',
    without: '',
    tests: 'a wrong token',
  },
  {
    file: 'server/src/security/door/doorGuard.ts',
    call: 'this.options.onRefused(verdict, request);',
    without: '',
    tests: 'a foreign page',
  },
  ...["{ kind: 'setting.changed'", "{ kind: 'trust.changed'", "{ kind: 'secret.changed'"].map((begin) => ({
    file: 'server/src/security/audit/auditedChanges.ts',
    call: `audit.record(${begin}`,
    without: `((_event: object) => undefined)(${begin}`,
    tests: 'changes of settings',
  })),
];

describe('Without one of the calls that tell the audit log', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  before(() => {
    for (const part of [
      'server',
      'scripts',
      'test/support',
      'test/unit',
      'test/integration/security',
      'package.json',
      '.mocharc.json',
    ]) {
      cpSync(path.join(projectFolder, part), path.join(folder.path, part), { recursive: true });
    }
    for (const part of ['node_modules', 'dist']) {
      symlinkSync(path.join(projectFolder, part), path.join(folder.path, part), 'dir');
    }
  });

  after(() => folder.remove());

  async function failures(grep: string): Promise<number> {
    const mocha = path.join(projectFolder, 'node_modules/mocha/bin/mocha.js');
    const args = [mocha, '--reporter', 'json', '--grep', grep, tests];
    const { stdout } = await run(process.execPath, args, { cwd: folder.path }).catch(
      (error: unknown) => error as { stdout: string },
    );
    const { stats } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { stats: { tests: number; failures: number } };
    assert.ok(stats.tests > 0);
    return stats.failures;
  }

  it('none of the tests fails while all calls are there', async () => {
    assert.equal(await failures('What is privileged'), 0);
  });

  for (const { file, call, without, tests: grep } of calls) {
    it(`${call.slice(0, 60)} of ${path.basename(file)}, a test fails`, async () => {
      const source = path.join(folder.path, file);
      const original = readFileSync(source, 'utf8');
      assert.equal(original.split(call).length, 2, `${call} stands in ${file} once`);
      writeFileSync(
        source,
        original.replace(call, () => without),
      );
      try {
        assert.ok((await failures(grep)) > 0);
      } finally {
        writeFileSync(source, original);
      }
    });
  }

  it('nothing starts a process in a terminal but the one place that tells of it', () => {
    const terminals = readFileSync(path.join(projectFolder, 'server/src/terminals/terminalService.ts'), 'utf8');
    assert.equal(terminals.match(/\bhost\.create\(/g)?.length, 1);
    const start = terminals.indexOf('async start(program');
    const recorded = terminals.indexOf('this.options.audit.record(', start);
    assert.ok(start > 0 && start < recorded && recorded < terminals.indexOf('host.create(', start));
  });
});
