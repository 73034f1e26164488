import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { EditorTerminals } from '../../../server/protocol/server.ts';
import { loginArguments } from '../../../server/src/terminals/shells/loginArguments.ts';
import { ShellList } from '../../../server/src/terminals/shells/shellList.ts';
import { parseDistributions } from '../../../server/src/terminals/shells/systemShells.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('The list of shells', () => {
  const folder = temporaryFolder();
  const root = realpathSync(folder.path);
  const bin = path.join(root, 'bin');
  const opt = path.join(root, 'opt');
  const etcShells = path.join(root, 'shells');
  const environment = { PATH: bin, SHELL: path.join(bin, 'bash') };

  before(() => {
    for (const place of [bin, opt]) mkdirSync(place);
    for (const file of ['bin/bash', 'bin/dash', 'opt/zsh', 'opt/fish', 'opt/tmux', 'opt/custom']) {
      writeFileSync(path.join(root, file), '');
      chmodSync(path.join(root, file), 0o755);
    }
    writeFileSync(path.join(opt, 'nu'), '');
    symlinkSync('dash', path.join(bin, 'sh'));
    symlinkSync(path.join(bin, 'bash'), path.join(opt, 'bash'));
    const listed = ['zsh', 'bash', 'tmux', 'nu', 'ksh', 'zsh'].map((name) => path.join(opt, name));
    writeFileSync(etcShells, ['# a comment', '', ...listed, 'relative/fish', `${opt}/fish # another`].join('\n'));
  });
  after(() => folder.remove());

  function listOf(terminals?: EditorTerminals, more: { etcShells?: string; env?: Record<string, string> } = {}) {
    return new ShellList({
      workspace: { folders: [], terminals },
      environment: { ...environment, ...more.env },
      sources: { platform: 'linux', etcShells: more.etcShells ?? etcShells },
      logger: recordingLogger().logger,
    });
  }

  function profile(name: string, paths: string[], more: object = {}): EditorTerminals['profiles'][number] {
    return { name, paths, args: [], ...more };
  }

  it('has those of PATH and of the system’s list that are there, each program once', async () => {
    const shells = await listOf().list();
    assert.deepEqual(
      shells.map(({ name, path: file, isDefault }) => [name, path.relative(root, file), isDefault]),
      [
        ['bash', 'bin/bash', true],
        ['zsh', 'opt/zsh', false],
        ['fish', 'opt/fish', false],
        ['sh', 'bin/sh', false],
      ],
    );
    assert.ok(shells.every(({ source, args }) => source === 'system' && args.length === 0));
  });

  it('does without the system’s list', async () => {
    const shells = await listOf(undefined, { etcShells: path.join(root, 'none') }).list();
    assert.deepEqual(
      shells.map(({ name }) => name),
      ['bash', 'sh'],
    );
  });

  it('begins with the editor’s profiles, with the first of their paths that exists', async () => {
    const terminals: EditorTerminals = {
      profiles: [
        profile('Login', ['bash'], { args: ['-l'], icon: 'terminal-bash', color: 'terminal.ansiRed' }),
        profile('Mine', [path.join(opt, 'none'), path.join(opt, 'zsh')], { env: { A: 'b' } }),
        profile('Gone', [path.join(opt, 'none')]),
      ],
      defaultProfile: 'Mine',
      env: {},
    };
    const shells = await listOf(terminals).list();
    assert.deepEqual(
      shells.map(({ name, source, isDefault }) => [name, source, isDefault]),
      [
        ['Login', 'profile', false],
        ['Mine', 'profile', true],
        ['bash', 'system', false],
        ['fish', 'system', false],
        ['sh', 'system', false],
      ],
    );
    assert.deepEqual(shells[0], {
      name: 'Login',
      path: path.join(bin, 'bash'),
      args: ['-l'],
      source: 'profile',
      isDefault: false,
      icon: 'terminal-bash',
      color: 'terminal.ansiRed',
    });
    const chosen = await listOf(terminals).choose();
    assert.deepEqual([chosen.name, chosen.path, chosen.env], ['Mine', path.join(opt, 'zsh'), { A: 'b' }]);
  });

  it('takes the shell that the editor uses where no profile is the default, and adds it where it is missing', async () => {
    const shells = await listOf({ profiles: [], defaultShell: path.join(opt, 'custom'), env: {} }).list();
    assert.deepEqual(
      shells.filter(({ isDefault }) => isDefault).map(({ name }) => name),
      ['custom'],
    );
  });

  it('takes the person’s own shell where the editor’s is not there', async () => {
    const list = listOf({ profiles: [], defaultProfile: 'none', defaultShell: '/none/zsh', env: {} });
    assert.equal((await list.choose()).name, 'bash');
  });

  it('chooses by name, by a name in PATH and by path', async () => {
    const list = listOf({ profiles: [profile('Big Shell', ['bash'])], env: {} });
    assert.equal((await list.choose('Big Shell')).path, path.join(bin, 'bash'));
    assert.equal((await list.choose('zsh')).path, path.join(opt, 'zsh'));
    assert.equal((await list.choose('dash')).path, path.join(bin, 'dash'));
    assert.equal((await list.choose(path.join(opt, 'custom'))).name, 'custom');
  });

  for (const shell of ['none', '/none/bash', './bash', 'nu']) {
    it(`refuses ${shell}`, async () => {
      await assert.rejects(
        listOf().choose(shell),
        (error) => error instanceof CodedError && error.reason === 'InvalidShell',
      );
    });
  }

  it('starts login shells on macOS, as its own terminal does', () => {
    assert.deepEqual(loginArguments('/bin/zsh', 'darwin'), ['-l']);
    assert.deepEqual(loginArguments('/bin/zsh', 'linux'), []);
    assert.deepEqual(loginArguments('/opt/nu', 'darwin'), []);
  });

  it('reads the distributions of WSL in either encoding', () => {
    const text = '\u{feff}Ubuntu\r\nDebian\r\ndocker-desktop\r\n\r\n';
    assert.deepEqual(parseDistributions(Buffer.from(text, 'utf16le')), ['Ubuntu', 'Debian']);
    assert.deepEqual(parseDistributions(Buffer.from(text, 'utf8')), ['Ubuntu', 'Debian']);
  });
});
