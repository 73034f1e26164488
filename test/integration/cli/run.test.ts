import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { text } from 'node:stream/consumers';
import { HttpServer } from '../../support/httpServer.ts';
import { calls, says } from '../../support/modelScript.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('ai-dev-assistant on the command line', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const workspace = path.join(folder.path, 'project');
  let model: ModelServer;

  before(async () => {
    mkdirSync(workspace);
    writeFileSync(path.join(workspace, 'hello.txt'), 'Hello from a file.\n');
    model = await ModelServer.start({ models: ['small'] });
  });
  after(async () => {
    await model.close();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function call(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const child = spawn(process.execPath, [serverBundle, ...args], {
      cwd: workspace,
      env: { ...serverEnvironment(folder.path), OPENAI_BASE_URL: model.baseUrl, ...env },
    });
    child.stdin.end(input);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, err };
  }

  const run = (prompt: string, ...options: string[]) => call(['run', ...options, '--log-level', 'off', prompt]);

  it('prints the answer alone on stdout and ends with 0', async () => {
    model.play({ models: ['small'], replies: [says('It works.')] });
    assert.deepEqual(await run('does it work?'), { code: 0, out: 'It works.\n', err: '' });
  });

  it('reads files of the workspace without asking', async () => {
    model.play({
      models: ['small'],
      replies: [
        { ...calls({ name: 'read_file', arguments: { path: 'hello.txt' } }), when: { lastRole: 'user' } },
        { ...says('It says hello.'), when: { lastRole: 'tool', contains: 'Hello from a file.' } },
      ],
    });
    assert.equal((await run('what does hello.txt say?')).code, 0);
  });

  const touching = [
    {
      ...calls({ name: 'run_command', arguments: { command: 'touch made; exit 0' } }),
      when: { lastRole: 'user' as const },
    },
    { ...says('Done.'), when: { lastRole: 'tool' as const } },
  ];

  it('refuses a command that --approve does not cover, says so, and ends with 2', async () => {
    model.play({ models: ['small'], replies: touching });
    const ended = await run('touch it');
    assert.equal(ended.code, 2);
    assert.match(ended.err, /--approve none does not cover it: touch made/);
    assert.equal(existsSync(path.join(workspace, 'made')), false);
  });

  it('runs it with --approve all', async () => {
    model.play({ models: ['small'], replies: touching });
    const ended = await run('touch it', '--approve', 'all');
    assert.deepEqual([ended.code, ended.out], [0, 'Done.\n']);
    assert.equal(existsSync(path.join(workspace, 'made')), true);
  });

  it('prints one event a line with --json', async () => {
    model.play({ models: ['small'], replies: [says('It works.')] });
    const { out } = await run('does it work?', '--json');
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { sessionId: string; sequence: number; update: { sessionUpdate: string } });
    assert.equal(new Set(events.map(({ sessionId }) => sessionId)).size, 1, 'each names its conversation');
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    assert.equal(events.at(-1)?.update.sessionUpdate, 'turn_ended');
  });

  it('lists conversations, and goes on with one by the beginning of its id', async () => {
    model.play({
      models: ['small'],
      replies: [
        { ...says('A walrus.'), when: { userContains: 'which animal' } },
        { ...says('It swims.'), when: { userContains: 'what does it do' } },
      ],
    });
    await run('which animal');
    const [, ...rows] = (await call(['conversations', 'list'])).out.trim().split('\n');
    const row = rows.find((line) => line.includes('which animal')) ?? '';
    assert.match(row, /^[\da-f]{8} +idle +\d+s +which animal +\S+project$/);
    const id = row.slice(0, 8);
    assert.equal((await run('what does it do', '--conversation', id)).out, 'It swims.\n');
    const { messages } = model.chats.at(-1) ?? {};
    assert.match(
      JSON.stringify(messages),
      /which animal.*A walrus\..*what does it do/,
      'the model is told what was said',
    );
    assert.match((await call(['conversations', 'export', id])).out, /A walrus\.[\s\S]*It swims\./);
    const unknown = await run('more', '--conversation', 'ffffffff');
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no conversation "ffffffff".*conversations list/);
  });

  it('says how to go on with a turn that did not come to its end', async () => {
    model.play({ models: ['small'], replies: [{ status: 400, body: { error: { message: 'no such thing' } } }] });
    const { err } = await run('hello');
    const [, id] = /Go on with: ai-dev-assistant run --conversation ([\da-f]{8}) /.exec(err) ?? [];
    assert.ok(id, err);
    model.play({ models: ['small'], replies: [says('Now it works.')] });
    assert.equal((await run('again', '--conversation', id)).out, 'Now it works.\n');
  });

  it('names who holds a conversation that it cannot go on with, and not the call that has just failed', async () => {
    model.play({ models: ['small'], replies: [{ ...says('Here.'), repeat: true }] });
    const server = await HttpServer.start(folder.path, ['--log-level', 'off', '--workspace', workspace], {
      environment: { OPENAI_BASE_URL: model.baseUrl },
    });
    const { sessionId } = (await server.call('session/new', { cwd: workspace })).body;
    const prompt = [{ type: 'text', text: 'hello' }];
    const turn = await server.call('session/prompt', { sessionId, prompt });
    assert.equal(turn.status, 200, turn.text);
    const { code, err } = await run('and now?', '--conversation', String(sessionId));
    await server.stop();
    assert.equal(code, 1);
    assert.match(
      err,
      /^ai-dev-assistant: Another window or program holds this conversation.*`serve` lets go of it.*\n$/,
    );
    assert.equal((await run('and now?', '--conversation', String(sessionId))).code, 0);
  });

  it('takes the prompt from stdin for "-"', async () => {
    model.play({ models: ['small'], replies: [{ ...says('Heard.'), when: { userContains: 'from a pipe' } }] });
    assert.equal((await call(['run', '--log-level', 'off', '-'], 'a prompt from a pipe')).out, 'Heard.\n');
  });

  it('ends with 3 when the budget is spent', async () => {
    writeFileSync(path.join(folder.path, 'settings.json'), '{"agent.maxStepsPerTurn": 1}');
    model.play({ models: ['small'], replies: [{ ...calls({ name: 'list_files', arguments: {} }), repeat: true }] });
    assert.equal((await run('go on for ever')).code, 3);
    writeFileSync(path.join(folder.path, 'settings.json'), '{}');
  });

  it('tries again when an endpoint is busy, and ends with 1 when it stays so', async () => {
    const busy = { status: 503, body: { error: { message: 'overloaded' } }, repeat: true };
    model.play({ models: ['small'], replies: [busy] });
    const ended = await run('hello');
    assert.equal(ended.code, 1);
    assert.match(ended.err, /overloaded/);
    assert.ok(model.requests.filter(({ chat }) => chat).length > 1);
  });

  it('ends with 1 and says what to do when no model can be reached', async () => {
    const ended = await call(['run', '--log-level', 'off', 'hello'], '', { OPENAI_BASE_URL: '' });
    assert.equal(ended.code, 1);
    assert.match(ended.err, /No model is set up/);
  });

  it('ends with 1 when the workspace is not there', async () => {
    const ended = await run('hello', '--workspace', '/no/such/folder');
    assert.equal(ended.code, 1);
    assert.match(ended.err, /There is no folder/);
  });

  for (const args of [
    ['run'],
    ['lsp'],
    ['run', '--bogus', 'x'],
    ['run', '--approve', 'some', 'x'],
    ['nosuch'],
    ['serve', '--port', 'x'],
  ]) {
    it(`ends with 64 for: ${args.join(' ')}`, async () => {
      const ended = await call(args);
      assert.equal(ended.code, 64);
      assert.match(ended.err, /^error: /);
    });
  }

  it('explains every command that the user guide names', async () => {
    const { out } = await call(['--help']);
    for (const command of ['run', 'serve', 'lsp']) {
      assert.match(out, new RegExp(`^  ${command} `, 'm'));
      assert.equal((await call([command, '--help'])).code, 0);
    }
  });
});
