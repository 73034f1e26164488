import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../../../scripts/project.ts';
import { CanaryCopy } from '../../support/canaryCopy.ts';

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
    file: 'server/src/terminals/terminalService.ts',
    call: 'await this.input.admit(by, sessionId);',
    without: '',
    tests: 'in terminals',
  },
  {
    file: 'server/src/terminals/inputTrail.ts',
    call: "this.options.audit.record({ kind: 'terminal.input', details: { sessionId } })",
    without: 'undefined',
    tests: 'in terminals',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "await this.#record(effect, 'denied', { why });",
    without: '',
    tests: 'each decision',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "await this.#record(effect, 'allowed', { path: decision.path });",
    without: '',
    tests: 'each decision',
  },
  {
    file: 'server/src/tools/checkedAccess.ts',
    call: "await this.#record(effect, allowed ? 'allowedByPerson' : 'deniedByPerson', { path: decision.path });",
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
    call: `audit.tell(${begin}`,
    without: `((_event: object) => undefined)(${begin}`,
    tests: 'changes of settings',
  })),
];

describe('Without one of the calls that tell the audit log', function () {
  this.timeout(60_000);
  let copy: CanaryCopy;

  before(() => {
    copy = new CanaryCopy(['test/integration/security']);
  });

  after(() => copy.remove());

  it('none of the tests fails while all calls are there', async () => {
    assert.deepEqual(await copy.failures([tests], 'What is privileged'), []);
  });

  for (const { file, call, without, tests: grep } of calls) {
    it(`${call.slice(0, 60)} of ${path.basename(file)}, a test fails`, async () => {
      assert.notDeepEqual(await copy.failuresWithout({ file, guard: call, without }, tests, grep), []);
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
