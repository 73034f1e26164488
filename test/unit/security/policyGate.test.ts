import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Effect, EffectPlace } from '../../../server/src/security/effect.ts';
import { PolicyGate } from '../../../server/src/security/policyGate.ts';
import { isInside } from '../../../server/src/security/workspacePath.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

describe('policy gate', () => {
  let base: string;
  let workspace: string;
  let place: EffectPlace;
  const { logger, lines } = recordingLogger();
  let gate: PolicyGate;

  before(() => {
    base = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), 'aida gate-'));
    workspace = path.join(base, 'work space');
    const beside = path.join(base, 'work space beside');
    for (const folder of ['src/deep', '.ssh', '.aws', '.docker'])
      fs.mkdirSync(path.join(workspace, folder), { recursive: true });
    fs.mkdirSync(beside);
    for (const file of ['src/a.ts', '.env', '.env.example', '.ssh/config', '.aws/credentials', 'key.pem', '..dots']) {
      fs.writeFileSync(path.join(workspace, file), 'text');
    }
    fs.writeFileSync(path.join(beside, 'b.txt'), 'text');
    const link = (target: string, name: string): void => fs.symlinkSync(target, path.join(workspace, name));
    link(path.join(workspace, 'src/a.ts'), 'inner link');
    link(beside, 'outer folder link');
    link(path.join(workspace, '.env'), 'innocent.txt');
    link(path.join(base, 'not there yet'), 'dangling');
    link('circle', 'circle');
    link(path.join(workspace, 'src/a.ts'), 'secrets.txt');
    execFileSync('mkfifo', [path.join(workspace, 'pipe')]);
    gate = new PolicyGate({ ownFolder: path.join(base, 'home', 'data'), logger });
    place = { cwd: workspace, workspaceFolders: [workspace], trusted: true };
  });
  after(() => {
    fs.rmSync(base, { recursive: true, force: true });
    assert.deepEqual(lines, []);
  });

  const read = (asked: string): Effect => ({ kind: 'readFile', path: asked });

  it('allows reading inside the workspace and answers the real path', async () => {
    const expected = { outcome: 'allow', path: path.join(workspace, 'src/a.ts') };
    for (const asked of [
      'src/a.ts',
      './src/../src/a.ts',
      path.join(workspace, 'src/a.ts'),
      'inner link',
      'src//a.ts',
    ]) {
      assert.deepEqual(await gate.check(read(asked), place), expected, asked);
    }
    assert.deepEqual(await gate.check({ kind: 'listFiles', path: '.' }, place), { outcome: 'allow', path: workspace });
    assert.equal((await gate.check({ kind: 'searchFiles', path: 'src' }, place)).outcome, 'allow');
    assert.equal((await gate.check({ kind: 'searchFiles', path: 'src/a.ts' }, place)).outcome, 'allow');
  });

  it('allows a missing file inside the workspace, so that the reader can say that it is missing', async () => {
    const asked = path.join(workspace, 'src/new/file.ts');
    assert.deepEqual(await gate.check(read('src/new/file.ts'), place), { outcome: 'allow', path: asked });
    assert.equal((await gate.check(read('..dots'), place)).outcome, 'allow');
  });

  const denied: readonly (readonly [what: string, asked: string, why: RegExp])[] = [
    ['a path with ..', '../work space beside/b.txt', /outside the workspace/],
    ['an absolute path', '/etc/passwd', /outside the workspace/],
    ['a folder whose name begins alike', '../work space beside', /outside/],
    ['a link to a folder outside', 'outer folder link/b.txt', /outside/],
    ['a missing file behind a link to the outside', 'outer folder link/new.txt', /outside/],
    ['a way up behind a link', 'outer folder link/../../x', /outside/],
    ['a link that leads nowhere', 'dangling', /link that leads nowhere/],
    ['a file behind a link that leads nowhere', 'dangling/x', /link that leads nowhere/],
    ['a circle of links', 'circle', /circle/],
    ['the root through /proc', '/proc/self/root/etc/passwd', /outside/],
    ['the environment through /proc', '/proc/self/environ', /outside/],
    ['a descriptor', '/dev/fd/0', /outside|nowhere|not reach/],
    ['a NUL character', 'src/a.ts\0.png', /NUL/],
    ['an empty path', '', /empty/],
    ['a network path', '\\\\server\\share\\a', /network and device/],
    ['a verbatim Windows path', '\\\\?\\C:\\a', /network and device/],
    ['a Windows device path', '\\\\.\\pipe\\a', /network and device/],
    ['an endless path', 'a/'.repeat(3_000), /longer than/],
    ['an endless name', 'a'.repeat(1_000), /too long/],
    ['a pipe', 'pipe', /device, a pipe or a socket/],
    ['a folder as a file', 'src', /is a folder/],
    ['a secret file', '.env', /passwords and keys/],
    ['a secret file by its other case', '.ENV', /passwords and keys/],
    ['a secret file behind a link', 'innocent.txt', /passwords and keys/],
    ['a name of a secret file that leads to an ordinary one', 'secrets.txt', /secrets by its name/],
    ['a secret file that does not exist', 'deploy/id_rsa', /private key/],
    ['a secret folder’s file', '.ssh/config', /remote machines/],
    ['a secret file in its folder', '.aws/credentials', /cloud account/],
  ];
  for (const [what, asked, why] of denied) {
    it(`denies ${what}`, async () => {
      const decision = await gate.check(read(asked), place);
      assert.equal(decision.outcome, 'deny');
      assert.match('message' in decision ? decision.message : '', why);
    });
  }

  it('denies a file where a folder is wanted, a secret folder, and a secret file to every kind of reading', async () => {
    assert.equal((await gate.check({ kind: 'listFiles', path: 'src/a.ts' }, place)).outcome, 'deny');
    assert.equal((await gate.check({ kind: 'listFiles', path: '.ssh' }, place)).outcome, 'deny');
    for (const kind of ['readFile', 'searchFiles', 'listFiles'] as const) {
      assert.equal((await gate.check({ kind, path: 'key.pem' }, place)).outcome, 'deny', kind);
    }
  });

  it('denies what the kernel makes up even when the workspace is the root', async () => {
    const root = { cwd: '/', workspaceFolders: ['/'], trusted: true };
    for (const asked of ['/proc/self/environ', '/sys/kernel', '/dev/null', 'proc/self/maps']) {
      assert.equal((await gate.check(read(asked), root)).outcome, 'deny', asked);
    }
    assert.equal((await gate.check(read('/etc/hostname'), root)).outcome, 'allow');
  });

  it('allows every folder of a workspace of several, and nothing where none is open', async () => {
    const beside = path.join(base, 'work space beside');
    const several = { ...place, workspaceFolders: [workspace, beside, path.join(base, 'gone')] };
    assert.equal((await gate.check(read(path.join(beside, 'b.txt')), several)).outcome, 'allow');
    for (const workspaceFolders of [[], [path.join(base, 'gone')], ['relative']]) {
      const decision = await gate.check(read('src/a.ts'), { ...place, workspaceFolders });
      assert.deepEqual(decision, {
        outcome: 'deny',
        message: 'No folder is open. Open a folder in the editor, or start `serve` with `--workspace FOLDER`.',
      });
    }
  });

  it('keeps agents away from what is our own, in whatever folder that lies, and by whatever name', async () => {
    const home = path.join(base, 'home');
    const data = path.join(home, 'data');
    fs.mkdirSync(path.join(data, 'opened'), { recursive: true });
    for (const file of ['token', 'opened/a.txt']) fs.writeFileSync(path.join(data, file), 'text');
    fs.symlinkSync(data, path.join(home, 'link'));
    for (const folder of [home, data]) {
      const there = { cwd: home, workspaceFolders: [folder], trusted: true };
      for (const asked of ['data/token', 'link/token', 'data/settings.json', 'data/opened/a.txt']) {
        const { outcome, ...rest } = await gate.check(read(asked), there);
        assert.equal(outcome, 'deny', asked);
        assert.match('message' in rest ? rest.message : '', /belongs to the assistant/);
      }
      for (const kind of ['listFiles', 'searchFiles'] as const) {
        assert.equal((await gate.check({ kind, path: 'data' }, there)).outcome, 'deny', kind);
      }
      const command = await gate.check({ kind: 'runCommand', commandLine: 'cat token', cwd: 'data' }, there);
      assert.equal(command.outcome, 'deny');
    }
    const opened = { cwd: data, workspaceFolders: [path.join(data, 'opened')], trusted: true };
    assert.equal(
      (await gate.check(read('opened/a.txt'), opened)).outcome,
      'allow',
      'the person has opened this very folder',
    );
    assert.equal((await gate.check(read('token'), opened)).outcome, 'deny');
  });

  it('finds the workspace when it was opened through a link', async () => {
    const link = path.join(base, 'link to work');
    fs.symlinkSync(workspace, link);
    const decision = await gate.check(read('src/a.ts'), { cwd: link, workspaceFolders: [link], trusted: true });
    assert.deepEqual(decision, { outcome: 'allow', path: path.join(workspace, 'src/a.ts') });
  });

  it('reads in a workspace that is not trusted, but runs nothing there', async () => {
    const untrusted = { ...place, trusted: false };
    assert.equal((await gate.check(read('src/a.ts'), untrusted)).outcome, 'allow');
    const decision = await gate.check({ kind: 'runCommand', commandLine: 'ls', cwd: '.' }, untrusted);
    assert.match(decision.outcome === 'deny' ? decision.message : '', /not trusted.*trust this workspace/);
  });

  it('asks about every command, each time, showing what it holds', async () => {
    const command: Effect = { kind: 'runCommand', commandLine: 'echo \u202Eok \u{E0041}\x1B]0;x\x07\nls', cwd: 'src' };
    const expected = {
      outcome: 'ask',
      detail: "echo <U+202E>ok <U+E0041 'A'>␛]0;x␇\nls",
      path: path.join(workspace, 'src'),
    };
    for (let time = 0; time < 3; time += 1) assert.deepEqual(await gate.check(command, place), expected);
  });

  it('denies commands that cannot run', async () => {
    const cases: readonly (readonly [commandLine: string, cwd: string, why: RegExp])[] = [
      ['', '.', /empty/],
      [' \n', '.', /empty/],
      ['ls\0', '.', /NUL/],
      ['x'.repeat(32_769), '.', /longer/],
      ['ls', '/', /outside/],
      ['ls', '..', /outside/],
      ['ls', 'outer folder link', /outside/],
      ['ls', 'missing', /does not exist/],
      ['ls', 'src/a.ts', /not a folder/],
      ['ls', 'dangling', /leads nowhere/],
    ];
    for (const [commandLine, cwd, why] of cases) {
      const decision = await gate.check({ kind: 'runCommand', commandLine, cwd }, place);
      assert.match(decision.outcome === 'deny' ? decision.message : '', why, `${commandLine.slice(0, 9)} in ${cwd}`);
    }
  });

  it('denies what cannot be judged', async () => {
    const recorded = recordingLogger();
    const failing = new PolicyGate({ ownFolder: base, logger: recorded.logger });
    const decision = await failing.check(read(5 as never), place);
    assert.match(decision.outcome === 'deny' ? decision.message : '', /could not be checked/);
    assert.equal(recorded.lines.length, 1, 'and the log says why');
  });

  it('compares paths as each platform does', () => {
    assert.equal(isInside('/w/A', ['/w/a'], 'linux'), false);
    assert.equal(isInside('/w/A/x', ['/w/a'], 'darwin'), true);
    assert.equal(isInside('/w/a\u0308', ['/w/\u00e4'], 'darwin'), true);
    assert.equal(isInside('C:\\Work\\x', ['c:\\work'], 'win32'), true);
    assert.equal(isInside('C:\\Workshop', ['c:\\work'], 'win32'), false);
    assert.equal(isInside('/w/ab', ['/w/a'], 'linux'), false);
    assert.equal(isInside('/w', ['/w/a'], 'linux'), false);
    assert.equal(isInside('/dev/shm/w/a', ['/dev/shm/w'], 'linux'), true);
    assert.equal(isInside('/a', [], 'linux'), false);
  });
});
