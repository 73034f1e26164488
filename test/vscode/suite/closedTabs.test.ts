import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { IdleEndings } from '../../../extension/src/terminals/idleEndings.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { PopupCounter, until } from '../supervision.ts';

describe('A tab of a terminal that is closed', () => {
  let api: AssistantApi;
  const tabsBefore = new Set(vscode.window.terminals);

  before(async () => {
    api = await vscode.extensions.getExtension<AssistantApi>('ai-dev-assistant.ai-dev-assistant')!.activate();
    await api.request('server/health', {});
  });

  after(async () => {
    for (const { sessionId } of await active()) await api.request('terminal/close', { sessionId });
    for (const tab of tabs()) tab.dispose();
    await until('our tabs are closed', () => tabs().length === 0);
  });

  const tabs = (): vscode.Terminal[] => vscode.window.terminals.filter((terminal) => !tabsBefore.has(terminal));

  async function active(): Promise<readonly TerminalInfo[]> {
    return (await api.request('terminal/list', {})).terminals.filter(({ status }) => status === 'active');
  }

  /** A shell in a tab that is in front. */
  async function newTab(): Promise<{ tab: vscode.Terminal; sessionId: TerminalId }> {
    const [known, knownTabs] = [new Set((await active()).map(({ sessionId }) => sessionId)), new Set(tabs())];
    await vscode.commands.executeCommand('aiDevAssistant.newTerminal');
    let started: TerminalInfo | undefined;
    await until('the shell runs', async () => {
      started = (await active()).find(({ sessionId }) => !known.has(sessionId));
      return started !== undefined;
    });
    const tab = tabs().find((one) => !knownTabs.has(one))!;
    await until('it is in front', () => vscode.window.activeTerminal === tab);
    return { tab, sessionId: started!.sessionId };
  }

  /** As a person does it, for the tab in front. */
  async function closeByHand(tab: vscode.Terminal): Promise<void> {
    tab.show();
    await until('it is in front', () => vscode.window.activeTerminal === tab);
    await vscode.commands.executeCommand('workbench.action.terminal.kill');
    await until('it is closed', () => !vscode.window.terminals.includes(tab));
  }

  async function isActive(sessionId: TerminalId): Promise<boolean> {
    return (await active()).some((one) => one.sessionId === sessionId);
  }

  it('by hand ends its shell where nothing else shows it', async () => {
    const { tab, sessionId } = await newTab();
    await closeByHand(tab);
    await until('the shell has ended', async () => !(await isActive(sessionId)));
  });

  it('by hand leaves the shell to an editor tab that shows it too', async () => {
    const { tab, sessionId } = await newTab();
    await vscode.commands.executeCommand('aiDevAssistant.openTerminalPanel', { kind: 'terminal', sessionId });
    const panels = (): vscode.Tab[] =>
      vscode.window.tabGroups.all.flatMap((group) =>
        group.tabs.filter(
          ({ input }) =>
            input instanceof vscode.TabInputWebview && input.viewType.endsWith('aiDevAssistant.terminalPanel'),
        ),
      );
    let text = '';
    const output = api.onNotification('terminal/output', ({ data }) => {
      text += Buffer.from(data as Uint8Array).toString();
    });
    await until('the editor tab shows it', () => panels().length === 1);
    // Another extension watches it as well, until the tab is closed, and sees what the shell says afterwards.
    await api.request('terminal/attach', { sessionId });
    await closeByHand(tab);
    await api.request('terminal/write', { sessionId, data: 'echo still-$((1+1))\n' });
    await until('the shell answers', () => text.includes('still-2'));
    output.dispose();
    await api.request('terminal/detach', { sessionId });
    await vscode.window.tabGroups.close(panels());
    assert.equal(await isActive(sessionId), true);
    await api.request('terminal/close', { sessionId });
  });

  it('by “Detach Terminal” leaves its shell running, to be shown again', async () => {
    const { tab, sessionId } = await newTab();
    await vscode.commands.executeCommand('aiDevAssistant.detachTerminal');
    await until('the tab is closed', () => !vscode.window.terminals.includes(tab));
    // What would end the shell has been asked for before this is answered.
    assert.equal(await isActive(sessionId), true);
    const line = { kind: 'terminal', sessionId };
    const others = new Set(vscode.window.terminals);
    await vscode.commands.executeCommand('aiDevAssistant.attachTerminal', line);
    const again = vscode.window.terminals.find((one) => !others.has(one))!;
    await until('a tab shows it again', () => vscode.window.activeTerminal === again);
    await vscode.commands.executeCommand('aiDevAssistant.detachTerminal', line);
    await until('that tab is closed', () => !vscode.window.terminals.includes(again));
    assert.equal(await isActive(sessionId), true);
    await api.request('terminal/close', { sessionId });
  });

  it('is the one that “Detach Terminal” was called on, and stays where that is none of ours', async () => {
    const { tab, sessionId } = await newTab();
    const other = vscode.window.createTerminal({ name: 'not ours' });
    await vscode.commands.executeCommand('aiDevAssistant.detachTerminal', other);
    await vscode.commands.executeCommand('aiDevAssistant.detachTerminal', tab);
    await until('ours is closed', () => !vscode.window.terminals.includes(tab));
    assert.equal(vscode.window.terminals.includes(other), true);
    other.dispose();
    await until('the other is closed', () => !vscode.window.terminals.includes(other));
    await api.request('terminal/close', { sessionId });
  });
});

describe('Idle terminals that were ended while nobody was there', () => {
  const ended = (digit: string, name: string): TerminalInfo => ({
    sessionId: digit.repeat(32) as TerminalId,
    pid: 1,
    name,
    shell: '/bin/sh',
    cwd: '/',
    cols: 80,
    rows: 24,
    owner: { kind: 'person' },
    createdAt: 1,
    status: 'exited',
    exitCode: null,
    signal: 1,
    endedIdle: true,
    producedBytes: 0,
    hasShellIntegration: false,
    currentFolder: '/srv',
  });

  it('are told of once, all in one message, and in the log', () => {
    const popups = new PopupCounter();
    const lines: string[] = [];
    const log = {
      info: (line: string) => lines.push(line),
      error: (line: string) => lines.push(line),
    } as unknown as vscode.LogOutputChannel;
    const kept = new Map<string, unknown>();
    const state = {
      get: (key: string, otherwise: unknown) => kept.get(key) ?? otherwise,
      update: (key: string, value: unknown) => Promise.resolve(void kept.set(key, value)),
    } as unknown as vscode.Memento;
    let all: TerminalInfo[] = [];
    const look: ((terminal: TerminalInfo | undefined) => void)[] = [];
    const list = {
      get all(): readonly TerminalInfo[] {
        return all;
      },
      onChanged: (listener: (terminal: TerminalInfo | undefined) => void) => {
        look.push(listener);
        return { dispose: () => look.splice(0) };
      },
    };
    const endings = new IdleEndings({ list, state, log });
    look[0]!(undefined);
    assert.deepEqual(popups.shown, []);
    all = [ended('a', 'build'), { ...ended('b', 'busy'), endedIdle: false }, ended('c', 'notes')];
    look[0]!(undefined);
    look[0]!(undefined);
    assert.deepEqual(popups.shown, ['2 idle terminals were ended while no window was open: “build”, “notes”']);
    assert.equal(lines.filter((line) => line.includes('build · /srv')).length, 1);
    endings.dispose();
    assert.deepEqual(look, []);
    // The next window knows.
    new IdleEndings({ list, state, log }).dispose();
    popups.dispose();
    assert.equal(popups.shown.length, 1);
  });
});
