import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { systemClock } from '../../../extension/src/base/clock.ts';
import { ConversationTerminal } from '../../../extension/src/terminals/conversationTerminal.ts';
import { TerminalHub } from '../../../extension/src/terminals/terminalHub.ts';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { calls, says } from '../../support/modelScript.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { until } from '../supervision.ts';

const first = 'echo one-$((0+1)); read word; echo "heard $word"';
const server = 'echo serving-$((1+3)); exec sleep 600';
const second = 'echo two-$((1+1)); exit 4';

describe("An agent's commands in VS Code's terminal panel", () => {
  let api: AssistantApi;
  let model: ModelServer;
  let log: vscode.LogOutputChannel;
  let hub: TerminalHub;
  let screen: ConversationTerminal;
  let text = '';
  const conversations: ConversationId[] = [];
  const own: { dispose: () => unknown }[] = [];
  const terminalsBefore = new Set(vscode.window.terminals);
  const tabs = (): vscode.Terminal[] => vscode.window.terminals.filter((terminal) => !terminalsBefore.has(terminal));

  before(async () => {
    api = await vscode.extensions.getExtension<AssistantApi>('ai-dev-assistant.ai-dev-assistant')!.activate();
    model = await ModelServer.start({
      models: ['fixture'],
      replies: [
        calls({ id: 'call_1', name: 'run_command', arguments: { command: first } }),
        calls({ id: 'call_2', name: 'run_command', arguments: { command: second } }),
        says('Both have run.'),
        calls({ id: 'call_3', name: 'run_command', arguments: { command: server, background: true } }),
        calls({ id: 'call_4', name: 'run_command', arguments: { command: 'echo three-$((1+2))' } }),
        says('It serves.'),
      ],
    });
    const settings = vscode.workspace.getConfiguration('aiDevAssistant');
    await settings.update('providers.openai.baseUrl', model.baseUrl, vscode.ConfigurationTarget.Global);
    await settings.update('model.default', 'openai/fixture', vscode.ConfigurationTarget.Global);
    log = vscode.window.createOutputChannel('Conversation terminal', { log: true });
    hub = new TerminalHub(
      {
        request: (method, params) => api.request(method, params),
        onNotification: (method, listener) => api.onNotification(method, listener),
        notify: () => undefined,
        onNewServer: () => ({ dispose: () => undefined }),
      },
      systemClock,
      log,
    );
    screen = new ConversationTerminal({ client: api, hub, clock: systemClock, log }, Promise.resolve([]));
    own.push(screen.onDidWrite((piece) => (text += piece)));
    screen.open({ columns: 90, rows: 20 });
  });

  after(async () => {
    for (const sessionId of conversations) await api.request('session/delete', { sessionId });
    screen.close();
    for (const item of own) item.dispose();
    for (const tab of tabs()) tab.dispose();
    await until('nothing is watched any more', () => hub.size === 0);
    hub.dispose();
    log.dispose();
    const settings = vscode.workspace.getConfiguration('aiDevAssistant');
    await settings.update('providers.openai.baseUrl', undefined, vscode.ConfigurationTarget.Global);
    await settings.update('model.default', undefined, vscode.ConfigurationTarget.Global);
    await model.close();
    assert.deepEqual(tabs(), [], 'a terminal is left');
  });

  it('follow one another in one tab, live, open to typing, each with its end', async () => {
    const cwd = vscode.workspace.workspaceFolders![0]!.uri.fsPath;
    const { sessionId } = await api.request('session/new', { cwd });
    conversations.push(sessionId);
    const seen = new Set<string>();
    own.push(
      api.onNotification('session/update', ({ update }) => {
        if (update.sessionUpdate !== 'permission_requested') return;
        const { requestId, options } = update;
        const optionId = options.find(({ kind }) => kind === 'allow_once')!.optionId;
        void api.request('session/answer_permission', { sessionId, requestId, optionId });
      }),
      api.onNotification('terminal/changed', ({ terminal }) => {
        if (terminal?.owner.kind !== 'agent' || seen.has(terminal.sessionId)) return;
        seen.add(terminal.sessionId);
        screen.add(terminal as TerminalInfo);
      }),
    );
    await api.request('session/attach', { sessionId });
    const turn = api.request('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'Run both.' }] });
    await until('the first command runs on the screen', () => text.includes('one-1'));
    await until('the conversation has a tab while its command runs', () => tabs().length === 1);
    assert.match(tabs()[0]!.name, /^AI: /);
    screen.handleInput('typed\r');
    const { stopReason } = await turn;
    assert.equal(stopReason, 'end_turn');
    await until('the end of the second command is shown', () => text.includes('exited with code 4'));
    const order = [`$ ${first}`, 'one-1', 'heard typed', 'exited with code 0', `$ ${second}`, 'two-2', 'code 4'];
    const places = order.map((part) => text.indexOf(part));
    assert.ok(
      places.every((place, index) => place >= 0 && place > (places[index - 1] ?? -1)),
      text,
    );
    assert.equal(tabs().length, 1, 'all commands of a conversation share one tab');
    const results = model.chats.at(-1)!.messages.filter(({ role }) => role === 'tool');
    assert.match(JSON.stringify(results[0]), /heard typed/);
  });

  it('get a tab of their own in the background, and those after them do not wait', async () => {
    const [sessionId] = conversations as [ConversationId];
    const turn = api.request('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'Serve.' }] });
    await until('the command in the background has its tab', () => tabs().length === 2);
    await turn;
    assert.deepEqual(
      tabs().map(({ name }) => name.startsWith('AI: ')),
      [true, false],
    );
    assert.match(tabs()[1]!.name, /^echo serving/);
    const { terminals } = await api.request('terminal/list', {});
    const running = terminals.find(({ status, owner }) => status === 'active' && owner.kind === 'agent');
    assert.equal(running?.isBackground, true);
    screen.release(running.sessionId);
    await until('the command after it is on the screen', () => text.includes('three-3'));
    const places = ['goes on in the background', '$ echo three', 'three-3'].map((part) => text.indexOf(part));
    assert.ok(
      places.every((place, index) => place > (places[index - 1] ?? 0)),
      text,
    );
    await api.request('terminal/close', { sessionId: running.sessionId });
  });
});
