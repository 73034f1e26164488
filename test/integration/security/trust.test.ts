import assert from 'node:assert/strict';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { calls, says } from '../../support/modelScript.ts';
import { messageText, ModelServer } from '../../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';

const canary = 'canaryThatAStrangersFolderHolds';
/** Where a project may say how agents are to work, which programs serve them and where they send what they read. */
const instructionsOfFolders: Readonly<Record<string, string>> = {
  'AGENTS.md': canary,
  'CLAUDE.md': canary,
  '.github/copilot-instructions.md': canary,
  '.github/agents/stranger.agent.md': `---\nname: stranger\ndescription: ${canary}\ntools: ['*']\n---\n${canary}`,
  '.ai-assistant/agents/stranger.agent.md': `---\nname: stranger\ndescription: ${canary}\n---\n${canary}`,
  '.mcp.json': server('.mcp.json'),
  '.vscode/mcp.json': server('.vscode/mcp.json'),
  '.ai-assistant/mcp.json': server('.ai-assistant/mcp.json'),
  '.vscode/settings.json': `{"aiDevAssistant.model.default":"openai-compatible/${canary}"}`,
  'settings.json': `{"model.default":"openai-compatible/${canary}"}`,
};

/** An MCP server that would leave a file behind. */
function server(file: string): string {
  const entry = { command: 'touch', args: [path.basename(path.dirname(file)) + canary], type: 'stdio' };
  return JSON.stringify({ servers: { stranger: entry }, mcpServers: { stranger: entry } });
}

describe('A folder that the person does not trust, on a real server', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;
  let work: string;
  let model: ModelServer;

  beforeEach(async () => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data');
    work = path.join(realpathSync(folder.path), 'work');
    for (const [file, text] of Object.entries({ ...instructionsOfFolders, 'notes.txt': 'plain notes' })) {
      mkdirSync(path.dirname(path.join(work, file)), { recursive: true });
      writeFileSync(path.join(work, file), text);
    }
    model = await ModelServer.start({ models: ['test-model'] });
  });
  afterEach(async () => {
    await model.close();
    endPtyHostsOf(dataFolder);
    await waitFor('the pty host to end', () => ptyHostsOf(dataFolder).length === 0);
    folder.remove();
  });

  const settings = () => ({
    'providers.openaiCompatible.baseUrl': model.baseUrl,
    'providers.ollama.baseUrl': 'http://127.0.0.1:9',
    'model.default': 'openai-compatible/test-model',
  });
  const workspace = (trusted: boolean) => ({ folders: [{ path: work, name: 'work' }], trusted });
  const touch = (file: string) => calls({ id: file, name: 'run_command', arguments: { command: `touch ${file}` } });
  const made = (file: string): boolean => existsSync(path.join(work, file));
  /** What the model was told of the last tool call before each of its answers. */
  const results = (): string[] =>
    model.chats.flatMap(({ messages }) => (messages.at(-1)?.role === 'tool' ? [messageText(messages.at(-1))] : []));
  const sentToModel = (): string => JSON.stringify(model.requests.map(({ path: at, chat }) => [at, chat]));

  it('says nothing to the model of itself, starts nothing, and is read only where a tool is asked to', async () => {
    const window = await WindowServer.start(dataFolder, { settings: settings(), workspace: workspace(false) });
    const { sessionId } = await window.call('session/new', { cwd: work });
    await window.call('session/attach', { sessionId });
    model.willReply(
      touch('ran'),
      calls({ id: 'read', name: 'read_file', arguments: { path: 'notes.txt' } }),
      says('I have read it.'),
    );
    const turn = await window.call('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'go on' }] });
    assert.equal(turn.stopReason, 'end_turn');
    assert.match(results()[0] ?? '', /not trusted/);
    assert.match(results()[1] ?? '', /plain notes/);
    assert.equal(sentToModel().includes(canary), false);
    assert.deepEqual(
      ['ran', `.${canary}`, `.vscode${canary}`, `.ai-assistant${canary}`].filter((file) => made(file)),
      [],
    );
    const { terminals } = await window.call('terminal/list', {});
    assert.deepEqual(terminals, []);
    // Whoever asks for programs of their own in a conversation is refused, and nothing is begun.
    const withServers = { cwd: work, mcpServers: [{ name: 'x', command: '/bin/sh', args: [], env: [] }] as never[] };
    await assert.rejects(window.call('session/new', withServers), { reason: 'InvalidParams' });
    await window.kill('SIGTERM');
  });

  it('may be worked in as soon as that changes, and no longer, in a conversation that is open all the while', async () => {
    const window = await WindowServer.start(dataFolder, { settings: settings(), workspace: workspace(false) });
    const updates: SessionUpdate[] = [];
    let onQuestion: () => void = () => undefined;
    window.onNotification = ({ method, params }) => {
      if (method !== 'session/update') return;
      const { update } = params as SessionEvent;
      updates.push(update);
      if (update.sessionUpdate !== 'permission_requested') return;
      onQuestion();
      void window.call('session/answer_permission', { sessionId, requestId: update.requestId, optionId: 'allow_once' });
    };
    const { sessionId } = await window.call('session/new', { cwd: work });
    await window.call('session/attach', { sessionId });
    const prompt = (text: string) => window.call('session/prompt', { sessionId, prompt: [{ type: 'text', text }] });

    model.willReply(touch('untrusted'), says('Refused.'));
    await prompt('first');
    window.notify('workspace/changed', workspace(true));
    model.willReply(touch('trusted'), says('Done.'));
    await prompt('second');
    assert.deepEqual([made('untrusted'), made('trusted')], [false, true]);

    onQuestion = () => window.notify('workspace/changed', workspace(false));
    model.willReply(touch('withdrawn'), touch('later'), says('Refused again.'));
    await prompt('third');
    assert.deepEqual([made('withdrawn'), made('later')], [false, false]);
    assert.match(results().at(-2) ?? '', /not trusted/);
    assert.equal(updates.filter(({ sessionUpdate }) => sessionUpdate === 'permission_requested').length, 2);
    await window.kill('SIGTERM');
  });

  it('is what an editor has open that says nothing of trust', async () => {
    const editor = new StdioServer(dataFolder);
    const workspaceFolders = [{ uri: pathToFileURL(work).href, name: 'work' }];
    await editor.request('initialize', { processId: process.pid, rootUri: null, capabilities: {}, workspaceFolders });
    editor.notify('initialized', {});
    editor.notify('settings/changed', { settings: settings() });
    const { sessionId } = await editor.result('session/new', { cwd: work });
    model.willReply(touch('ran'), says('Refused.'));
    const turn = await editor.result('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'go on' }] });
    assert.equal(turn['stopReason'], 'end_turn');
    assert.match(results()[0] ?? '', /not trusted/);
    assert.equal(made('ran'), false);
    await editor.stop();
  });
});
