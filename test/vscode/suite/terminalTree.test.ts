import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { systemClock } from '../../../extension/src/base/clock.ts';
import { TerminalList } from '../../../extension/src/terminals/terminalList.ts';
import { TerminalTree, type TerminalNode } from '../../../extension/src/terminals/terminalTree.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { until } from '../supervision.ts';

describe('The tree of terminals', () => {
  let api: AssistantApi;
  let log: vscode.LogOutputChannel;
  let list: TerminalList;
  let tree: TerminalTree;
  let redrawings = 0;
  /** This tree has no tabs of its own; the window's are named in the tree of the extension. */
  const shown = new Set<TerminalId>();
  const shownChanged = new vscode.EventEmitter<void>();
  const tabs = { isShown: (sessionId: TerminalId) => shown.has(sessionId), onDidChangeShown: shownChanged.event };
  const before_ = new Set(vscode.window.terminals);
  const started: TerminalId[] = [];

  before(async () => {
    api = await vscode.extensions.getExtension<AssistantApi>('ai-dev-assistant.ai-dev-assistant')!.activate();
    await api.request('server/health', {});
    log = vscode.window.createOutputChannel('Tree of terminals', { log: true });
    const client = {
      request: (method: never, params: never) => api.request(method, params),
      onNotification: (method: never, listener: never) => api.onNotification(method, listener),
      // The server that is there is the first one.
      onNewServer: (listener: (generation: number) => void) => {
        queueMicrotask(() => listener(1));
        return { dispose: () => undefined };
      },
    };
    list = new TerminalList({ client, log });
    tree = new TerminalTree({ client, list, terminals: tabs, clock: systemClock, log });
    tree.onDidChangeTreeData(() => (redrawings += 1));
    await until('the list is there', () => list.isComplete);
  });

  after(async () => {
    for (const sessionId of started) {
      await api.request('terminal/close', { sessionId }).catch((error: unknown) => {
        if ((error as { reason?: string }).reason !== 'NotFound') throw error;
      });
    }
    await until('our terminals are gone from the list', () => started.every((sessionId) => !list.get(sessionId)));
    tree.dispose();
    shownChanged.dispose();
    list.dispose();
    log.dispose();
    assert.deepEqual(newTerminals(), [], 'a terminal is left');
  });

  const newTerminals = (): vscode.Terminal[] => vscode.window.terminals.filter((terminal) => !before_.has(terminal));

  async function start(name: string, args: string[]): Promise<Extract<TerminalNode, { kind: 'terminal' }>> {
    const cwd = vscode.workspace.workspaceFolders![0]!.uri.fsPath;
    const { sessionId } = await api.request('terminal/create', { shell: '/bin/sh', args, cwd, name });
    started.push(sessionId);
    await until('it is in the tree', () => tree.getChildren().some((node) => isOf(node, sessionId)));
    return { kind: 'terminal', sessionId };
  }

  function isOf(node: TerminalNode, sessionId: TerminalId): boolean {
    return node.kind === 'terminal' && node.sessionId === sessionId;
  }

  it('has a line for each, with its folder, and names it anew when it is renamed', async () => {
    const node = await start('first name', ['-c', 'read line']);
    const item = tree.getTreeItem(node);
    assert.equal(item.label, 'first name');
    assert.equal(item.description, vscode.workspace.workspaceFolders![0]!.name);
    assert.equal(item.contextValue, 'terminal active person');
    assert.equal((item.iconPath as vscode.ThemeIcon).id, 'terminal');
    assert.deepEqual(tree.getChildren(node), []);
    const drawn = redrawings;
    await api.request('terminal/rename', { sessionId: node.sessionId, name: '*second* name' });
    await until('it has the new name', () => tree.getTreeItem(node).label === '*second* name');
    await until('it is drawn again', () => redrawings > drawn);
    const tooltip = (tree.getTreeItem(node).tooltip as vscode.MarkdownString).value;
    assert.match(tooltip, /^\\\*second\\\*/, 'a name is text and not Markdown');
  });

  it('says to the menus whether a tab of this window shows it', async () => {
    const node = await start('in a tab', ['-c', 'read line']);
    const drawn = redrawings;
    shown.add(node.sessionId);
    shownChanged.fire();
    await until('it is drawn again', () => redrawings > drawn);
    assert.equal(tree.getTreeItem(node).contextValue, 'terminal active person shown');
  });

  it('says how a program has ended, in words and by the shape of its icon', async () => {
    const good = await start('good', ['-c', 'exit 0']);
    const bad = await start('bad', ['-c', 'exit 3']);
    const description = (node: TerminalNode): string => String(tree.getTreeItem(node).description);
    await until('both ends are told', () => [good, bad].every((node) => description(node).startsWith('exited')));
    assert.match(description(good), /^exited with code 0 · /);
    assert.match(description(bad), /^exited with code 3 · /);
    const icons = [good, bad].map((node) => (tree.getTreeItem(node).iconPath as vscode.ThemeIcon).id);
    assert.deepEqual(icons, ['pass', 'error']);
  });

  it('gives its lines to commands, which show and end the very terminal', async () => {
    const node = await start('to be shown', ['-c', 'read line']);
    await vscode.commands.executeCommand('aiDevAssistant.attachTerminal', node);
    await until('it is shown', () => newTerminals().some(({ name }) => name === 'to be shown'));
    await vscode.commands.executeCommand('aiDevAssistant.attachTerminal', node);
    assert.equal(newTerminals().length, 1, 'it is shown once');
    await api.request('terminal/rename', { sessionId: node.sessionId, name: 'renamed' });
    await until('its tab has the new name', () => newTerminals()[0]?.name === 'renamed');
    await vscode.commands.executeCommand('aiDevAssistant.killTerminal', node);
    await until('it is gone', () => !tree.getChildren().some((other) => isOf(other, node.sessionId)));
    await until('its tab is closed', () => newTerminals().length === 0);
  });
});
