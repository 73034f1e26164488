import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import * as path from 'node:path';
import { runCommand, type CommandResult } from '../../scripts/command.ts';
import { projectFolder } from '../../scripts/project.ts';
import { CanaryCopy } from '../support/canaryCopy.ts';
import { serverBundle } from '../support/stdioServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { exitCodeOf, judge, together, type Finding } from './audit/findings.ts';
import { incidentOf } from './audit/incidents.ts';
import { guardCanaries } from './canaries/guardCanaries.ts';

const auditLimitMs = 120_000;

/** Guards of the server (by a part of them), the part of the audit that must miss them, and an attack that then gets through. */
const holes = [
  {
    guard: "if (!isOurHost(headers.host, rules)) return 'BadHost';",
    part: 'addresses',
    attack: 'Host: evil.example:PORT',
  },
  { guard: "return allowed ? 'ok' : 'BadOrigin';", part: 'addresses', attack: 'Origin: https://evil.example' },
  { guard: '|| !isRight ||', part: 'tokens', attack: 'the right token with another last character' },
  {
    guard: 'if (includesScope(client.scope, scope)) return;',
    part: 'tokens',
    attack: 'every method beyond its scope with a token for read',
  },
];

/** Each takes some seconds, so that all of them are made only where the suite is asked for by its name. */
const everyNth = process.env['GUARD_CANARIES'] === 'all' ? 1 : 3;
const chosen = holes.filter((_, index) => index % everyNth === 0);

describe('The security audit', function () {
  this.timeout(auditLimitMs + 30_000);
  const folder = temporaryFolder();
  let copy: CanaryCopy;

  before(() => {
    copy = new CanaryCopy();
  });
  after(() => {
    copy.remove();
    folder.remove();
  });

  /** Attacks the server that `bundle` is, with one part of the audit. */
  function audit(bundle: string, part: string, output: string): Promise<CommandResult> {
    const args = ['test/security/audit/main.ts', '--bundle', bundle, '--only', part, '--output', output];
    return runCommand(process.execPath, args, { cwd: projectFolder, timeoutMs: auditLimitMs, output: 'kept' });
  }
  const reportIn = (output: string, name = 'security-audit.json'): string =>
    readFileSync(path.join(output, name), 'utf8');

  it('finds nothing in the server as it is, and writes the same report each time, with nothing of this machine in it', async () => {
    const outputs = ['first', 'second'].map((name) => path.join(folder.path, name));
    for (const output of outputs) {
      const result = await audit(serverBundle, 'addresses', output);
      assert.equal(result.exitCode, 0, result.output);
    }
    for (const name of ['security-audit.json', 'security-audit.md']) {
      const [first = '', second] = outputs.map((output) => reportIn(output, name));
      assert.equal(first, second);
      const paths = [projectFolder, folder.path, tmpdir(), ...(homedir().length > 1 ? [homedir()] : [])];
      for (const text of paths) assert.ok(!first.includes(text), `${name} names ${text}`);
    }
  });

  for (const { guard, part, attack } of chosen) {
    it(`ends with exit code 1 and names the hole without: ${guard}`, async () => {
      const canary = guardCanaries.find((candidate) => candidate.guard.includes(guard));
      assert.ok(canary, `there is no such guard as ${guard}`);
      const bundle = await copy.serverWithout(canary);
      const output = path.join(folder.path, 'canary');
      const result = await audit(bundle, part, output);
      assert.equal(result.exitCode, 1, result.output);
      const { findings } = JSON.parse(reportIn(output)) as { findings: Finding[] };
      const through = findings.filter(({ verdict }) => verdict === 'let through').map((finding) => finding.attack);
      assert.ok(through.includes(attack), `it found ${through.join(', ') || 'nothing'}`);
      const lines = result.output.split('\n');
      assert.ok(lines.some((line) => line.includes('let through') && line.includes(attack)));
    });
  }

  it('is a success only where something was tried, and all of it held', async () => {
    const attack = (found: string) => ({ attack: 'a', expected: 'refused', run: () => Promise.resolve(found) });
    const held = await judge('g', attack('refused'));
    const through = await judge('g', attack('200'));
    const failed = await judge('g', { ...attack(''), run: () => Promise.reject(new Error('connection refused')) });
    const reported: Finding = { ...held, verdict: 'reported' };
    assert.deepEqual(
      [held, through, failed].map(({ verdict }) => verdict),
      ['held', 'let through', 'not judged'],
    );
    assert.equal(failed.found, 'could not be tried: connection refused');
    assert.equal(exitCodeOf([held, reported]), 0);
    for (const findings of [[], [reported], [held, through], [held, failed]]) assert.equal(exitCodeOf(findings), 1);
  });

  it('tells several tries together only where they came to the same', () => {
    assert.equal(together({ one: '401', other: '401' }), '401');
    assert.equal(together({ one: '401', other: '200' }), 'one: 401; other: 200');
    assert.equal(together({}), 'nothing was tried');
  });

  it('takes the numbers of incidents from the names of their tests, and knows no test without one', () => {
    assert.deepEqual(incidentOf('CVE-2025-53773: no agent writes it', true), {
      number: 'CVE-2025-53773',
      test: 'no agent writes it',
      passed: true,
    });
    assert.equal(incidentOf('cline/cline#7778: nothing is open', false).number, 'cline/cline#7778');
    assert.throws(() => incidentOf('nothing is open', true), /does not begin with a number/);
  });
});
