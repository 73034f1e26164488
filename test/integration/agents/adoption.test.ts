import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { messageText, ModelServer } from '../../support/modelServer.ts';
import { calls, says } from '../../support/modelScript.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

type Result = Record<string, unknown>;
type CallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>;

/** A real server process that is killed in the middle of an agent's command, and the next one on the same data folder. */
describe('A command whose server is killed', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let work: string;
  let model: ModelServer;
  let server: StdioServer;
  let sessionId: unknown;

  beforeEach(async () => {
    folder = temporaryFolder();
    work = path.join(realpathSync(folder.path), 'work');
    mkdirSync(work);
    model = await ModelServer.start({ models: ['test-model'] });
    server = await startServer();
  });
  afterEach(async () => {
    await server.stop();
    await model.close();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function startServer(): Promise<StdioServer> {
    const started = new StdioServer(folder.path);
    await started.initialize({
      workspace: { folders: [{ path: work, name: 'work' }], trusted: true },
      settings: {
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
        'model.default': 'openai-compatible/test-model',
      },
    });
    return started;
  }

  const updates = (): SessionUpdate[] =>
    server.messages
      .filter(({ method }) => method === 'session/update')
      .map(({ params }) => (params as SessionEvent).update);

  /** Begins a turn in which the agent runs `command`, and waits until that has made the file `begun`. */
  async function begin(command: string, more: object = {}): Promise<void> {
    model.willReply(calls({ id: 'call_1', name: 'run_command', arguments: { command, ...more } }));
    sessionId = (await server.result('session/new', { cwd: work, mcpServers: [] }))['sessionId'];
    await server.result('session/attach', { sessionId });
    const body = { sessionId, prompt: [{ type: 'text', text: 'run it' }] };
    server.sendBody(JSON.stringify({ jsonrpc: '2.0', id: 'turn', method: 'session/prompt', params: body }));
    const question = await waitFor('the question', () =>
      updates().find((update) => update.sessionUpdate === 'permission_requested'),
    );
    const answer = { sessionId, requestId: question.requestId, optionId: 'allow_once' };
    await server.result('session/answer_permission', answer);
    await waitFor('the command to have begun', () => existsSync(path.join(work, 'begun')));
    await waitFor('its terminal', () =>
      callUpdates(updates()).find(({ content }) => content?.[0]?.type === 'terminal'),
    );
  }

  async function kill(): Promise<void> {
    server.child.kill('SIGKILL');
    await server.exit();
  }

  function callUpdates(of: readonly SessionUpdate[]): CallUpdate[] {
    return of.filter((update) => update.sessionUpdate === 'tool_call_update');
  }

  /** Opens the conversation and gives the updates of the call in its journal. */
  async function reopen(): Promise<CallUpdate[]> {
    const attached = await server.result('session/attach', { sessionId, fromSequence: 0 });
    return callUpdates((attached['events'] as SessionEvent[]).map(({ update }) => update));
  }

  /** What the model is told about the call when the turn goes on. */
  async function answerToModel(): Promise<string> {
    model.willReply(says('I see.'));
    await server.result('session/continue', { sessionId });
    return messageText(model.chats.at(-1)?.messages.findLast(({ role }) => role === 'tool'));
  }

  const textOf = (update: CallUpdate | undefined): string =>
    (update?.content ?? [])
      .map((part) => (part.type === 'content' && part.content.type === 'text' ? part.content.text : ''))
      .join('');

  async function untilExited(): Promise<void> {
    await waitFor('the command to have ended', () => existsSync(path.join(work, 'ended')));
  }

  it('and that ends meanwhile has its output and exit code in the journal, for the model to go on with', async () => {
    await begin('touch begun; echo before; until [ -e go ]; do sleep 0.05; done; echo after; touch ended; exit 7');
    await kill();
    writeFileSync(path.join(work, 'go'), '');
    await untilExited();
    server = await startServer();
    const last = (await reopen()).at(-1);
    assert.equal(last?.status, 'completed');
    assert.equal(textOf(last), 'before\nafter\n');
    assert.equal((last.rawOutput as Result)['exitCode'], 7);
    assert.match(await answerToModel(), /before\nafter\n\s*\(Exit code 7\.\)/);
  });

  it('and that still runs is followed to its end, which then stands in the journal', async () => {
    await begin('touch begun; echo before; until [ -e go ]; do sleep 0.05; done; echo after; exit 5');
    await kill();
    server = await startServer();
    const now = (await reopen()).at(-1);
    assert.equal(now?.status, 'completed');
    assert.equal((now.rawOutput as Result)['running'], true);
    assert.match(now.noteForModel ?? '', /Still running/);
    assert.equal(textOf(now), 'before\n');
    writeFileSync(path.join(work, 'go'), '');
    const end = await waitFor('the end', () =>
      callUpdates(updates()).find(({ rawOutput }) => (rawOutput as Result | undefined)?.['exitCode'] === 5),
    );
    assert.equal(textOf(end), 'before\nafter\n');
    assert.match(await answerToModel(), /before\nafter\n\s*\(Exit code 5\.\)/);
  });

  it('keeps its time limit', async () => {
    await begin('touch begun; sleep 300', { timeoutMs: 3_000 });
    await kill();
    server = await startServer();
    await reopen();
    const end = await waitFor('the end', () =>
      callUpdates(updates()).find(({ rawOutput }) => (rawOutput as Result | undefined)?.['timedOut'] === true),
    );
    assert.equal(end.status, 'failed');
  });

  it('loses no byte of a long output, although the file was being written', async () => {
    await begin('touch begun; for n in $(seq 1 25); do seq 1 10000; sleep 0.05; done; touch ended');
    const outputs = path.join(folder.path, 'commands', 'output');
    await waitFor('a part of it in the file', () =>
      (existsSync(outputs) ? readdirSync(outputs) : []).some(
        (name) => statSync(path.join(outputs, name)).size > 200_000,
      ),
    );
    assert.equal(existsSync(path.join(work, 'ended')), false);
    await kill();
    await untilExited();
    server = await startServer();
    const last = (await reopen()).at(-1);
    assert.equal((last?.rawOutput as Result)['exitCode'], 0);
    assert.match(textOf(last), /^1\n2\n[^]*\n10000\n$/);
    const terminal = last?.content?.find((part) => part.type === 'terminal');
    assert.ok(terminal?.type === 'terminal');
    let text = '';
    for (let fromOffset = 0, rounds = 0; rounds < 100; rounds++) {
      const part = await server.result('terminal/readOutput', { outputId: terminal.terminalId, fromOffset });
      assert.equal(part['omittedBytes'], 0);
      text += String(part['text']);
      fromOffset = Number(part['nextOffset']);
      if (fromOffset === part['endOffset']) break;
    }
    const once = Array.from({ length: 10_000 }, (_value, index) => `${index + 1}\n`).join('');
    assert.equal(text === once.repeat(25), true, 'every line is there once');
  });

  it('goes on in the background when the server ends in order, and is taken up just so', async () => {
    await begin('touch begun; echo before; until [ -e go ]; do sleep 0.05; done; echo after; touch ended; exit 4');
    await server.request('shutdown', {});
    server.notify('exit', {});
    await server.exit();
    writeFileSync(path.join(work, 'go'), '');
    await untilExited();
    server = await startServer();
    await reopen();
    const end = await waitFor('the end', async () =>
      (await reopen()).find(({ rawOutput }) => (rawOutput as Result | undefined)?.['exitCode'] === 4),
    );
    assert.equal(textOf(end), 'before\nafter\n');
    assert.match(await answerToModel(), /before\nafter\n\s*\(Exit code 4\.\)/);
  });

  it('and whose terminal is gone as well leaves a result that says what is not known', async () => {
    await begin('touch begun; sleep 300');
    await kill();
    for (const pid of ptyHostsOf(folder.path)) process.kill(pid, 'SIGKILL');
    await waitFor('the pty host to be gone', () => ptyHostsOf(folder.path).length === 0);
    server = await startServer();
    const last = (await reopen()).at(-1);
    assert.equal(last?.status, 'failed');
    assert.match(last.noteForModel ?? '', /how far it came is not known/);
  });
});
