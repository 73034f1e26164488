import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { findRipgrep } from '../../../extension/src/ripgrep.ts';
import { isAlive, until } from '../supervision.ts';

const id = 'ai-dev-assistant.ai-dev-assistant';

interface Manifest {
  readonly version: string;
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

describe('The extension in a real window', () => {
  let api: AssistantApi;
  let manifest: Manifest;

  before(async () => {
    const extension = vscode.extensions.getExtension<AssistantApi>(id);
    assert.ok(extension, `${id} is not installed`);
    api = await extension.activate();
    manifest = extension.packageJSON as Manifest;
  });

  const serverPid = async (): Promise<number> => (await api.request('server/info', {})).pid;

  it('offers its version and a server that is ready', async () => {
    assert.equal(api.version, manifest.version);
    const health = await api.request('server/health', {});
    assert.match(health.status, /^(?:ready|recovered|degraded)$/);
    assert.equal(health.version, manifest.version);
  });

  it('registers every command of its manifest', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = manifest.contributes.commands.filter(({ command }) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  it('finds the ripgrep that VS Code carries', () => {
    const ripgrep = findRipgrep(vscode.env.appRoot);
    assert.ok(ripgrep, `no ripgrep below ${vscode.env.appRoot}`);
    assert.match(execFileSync(ripgrep, ['--version']).toString(), /^ripgrep \d/);
  });

  it('answers a method that does not exist with a clear error', async () => {
    await assert.rejects(api.request('no/such' as never, {} as never), { reason: 'UnknownMethod' });
  });

  it('answers params that are wrong with what is wrong about them', async () => {
    await assert.rejects(api.request('terminal/resize', { sessionId: 'x' } as never), (error: Error) => {
      assert.equal((error as { reason?: string }).reason, 'InvalidParams');
      assert.doesNotMatch(error.message, /\n\s+at /);
      return true;
    });
  });

  it('tells the server the open folder and its trust', async () => {
    const { sessions } = await api.request('session/list', {});
    assert.deepEqual(sessions, []);
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    const terminal = await api.request('terminal/create', { shell: '/bin/sh' });
    const { terminals } = await api.request('terminal/list', {});
    assert.equal(terminals.find(({ sessionId }) => sessionId === terminal.sessionId)?.cwd, folder?.uri.fsPath);
    await api.request('terminal/close', { sessionId: terminal.sessionId });
  });

  it('has a new server soon after the old one was killed, and lets requests wait for it', async () => {
    const before = await serverPid();
    process.kill(before, 'SIGKILL');
    await until('the old server is gone', () => !isAlive(before));
    const after = await serverPid();
    assert.notEqual(after, before);
    assert.equal((await api.request('server/health', {})).status, 'recovered');
  });

  it('keeps a shell running while the server is killed, with every byte told once', async () => {
    const { sessionId, pid } = await api.request('terminal/create', { shell: '/bin/sh', env: { PS1: '' } });
    let text = '';
    let next = 0;
    const output = api.onNotification('terminal/output', (event) => {
      if (event.sessionId !== sessionId) return;
      assert.equal(event.offset, next, 'output has a hole or a repetition');
      next = event.offset + event.data.length;
      text += Buffer.from(event.data as Uint8Array).toString('utf8');
    });
    try {
      await api.request('terminal/attach', { sessionId, fromOffset: 0 });
      await api.request('terminal/write', { sessionId, data: 'echo before-$((1+1))\n' });
      await until('the shell has answered', () => text.includes('before-2'));
      process.kill(await serverPid(), 'SIGKILL');
      await api.request('terminal/write', { sessionId, data: 'echo after-$((2+2)) $$\n' }).catch(() =>
        // Sent to the old server in its last moment: whether it arrived is unknown, so it is sent again.
        api.request('terminal/write', { sessionId, data: 'echo after-$((2+2)) $$\n' }),
      );
      await until('the same shell answers again', () => text.includes(`after-4 ${pid}`));
    } finally {
      output.dispose();
      await api.request('terminal/close', { sessionId });
    }
  });

  it('restarts the server by command', async () => {
    const before = await serverPid();
    await vscode.commands.executeCommand('aiDevAssistant.restartServer');
    assert.notEqual(await serverPid(), before);
    assert.equal(isAlive(before), false);
  });

  it('shows a terminal by command, and ends its shell when the person closes it', async () => {
    const known = new Set(vscode.window.terminals);
    const listed = async () =>
      (await api.request('terminal/list', {})).terminals.filter((one) => one.status === 'active');
    assert.equal((await listed()).length, 0);
    await vscode.commands.executeCommand('aiDevAssistant.newTerminal');
    await until('a shell runs', async () => (await listed()).length === 1);
    const terminal = vscode.window.terminals.find((candidate) => !known.has(candidate))!;
    terminal.sendText('exit');
    await until('the tab has closed with its shell', () => !vscode.window.terminals.includes(terminal));
    await until('the terminal is forgotten', async () => (await listed()).length === 0);
  });

  for (const when of ['runs', 'starts']) {
    it(`passes on a setting that changes while the server ${when}`, async () => {
      if (when === 'starts') process.kill(await serverPid(), 'SIGKILL');
      const settings = vscode.workspace.getConfiguration('aiDevAssistant');
      await settings.update('terminals.max', 1, vscode.ConfigurationTarget.Global);
      const created: string[] = [];
      try {
        created.push((await api.request('terminal/create', { shell: '/bin/sh' })).sessionId);
        await until('the limit counts', async () => {
          try {
            created.push((await api.request('terminal/create', { shell: '/bin/sh' })).sessionId);
            return false;
          } catch (error) {
            assert.equal((error as { reason?: string }).reason, 'ResourceLimit');
            return true;
          }
        });
      } finally {
        await settings.update('terminals.max', undefined, vscode.ConfigurationTarget.Global);
        for (const sessionId of created) await api.request('terminal/close', { sessionId });
      }
    });
  }

  it('opens its views without an error', async () => {
    await vscode.commands.executeCommand('aiDevAssistant.openAgentPanel');
    await vscode.commands.executeCommand('aiDevAssistant.openTerminalPanel');
    const isPanel = (tab: vscode.Tab): boolean =>
      tab.input instanceof vscode.TabInputWebview && tab.input.viewType.endsWith('aiDevAssistant.terminalPanel');
    const panels = (): vscode.Tab[] => vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.filter(isPanel));
    await until('the terminal panel is open', () => panels().length === 1);
    await vscode.window.tabGroups.close(panels());
    const { terminals } = await api.request('terminal/list', {});
    for (const { sessionId } of terminals) await api.request('terminal/close', { sessionId });
  });

  after(async () => {
    const { terminals } = await api.request('terminal/list', {});
    assert.deepEqual(
      terminals.filter(({ status }) => status === 'active'),
      [],
      'a terminal is left',
    );
  });
});
