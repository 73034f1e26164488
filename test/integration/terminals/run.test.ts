import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

type Result = Record<string, unknown>;

const settings = { 'limits.terminalPerSecond': 10_000 };

describe('terminal/run', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const work = path.join(realpathSync(folder.path), 'work');
  let stdio: StdioServer;
  let httpServer: HttpServer;

  before(async () => {
    mkdirSync(work);
    stdio = new StdioServer(folder.path);
    await stdio.initialize({ settings, workspace: { folders: [{ path: work, name: 'work' }], trusted: true } });
    httpServer = await HttpServer.start(folder.path);
  });
  after(async () => {
    await stdio.stop();
    await httpServer.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  const run = (params: object): Promise<Result> => stdio.result('terminal/run', { cwd: work, ...params });
  const list = async (): Promise<Result[]> => (await stdio.result('terminal/list', {}))['terminals'] as Result[];
  const outputFile = (id: unknown): string => path.join(folder.path, 'commands', 'output', String(id));
  const until = async (what: string, sessionId: unknown, matches: (info: Result) => unknown): Promise<Result> =>
    waitFor(what, async () => (await list()).find((info) => info['sessionId'] === sessionId && matches(info)));

  async function overHttp(params: object): Promise<Result> {
    const answer = await httpServer.call('terminal/run', { cwd: work, ...params });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }

  for (const [name, call] of [
    ['stdio', run],
    ['HTTP', overHttp],
  ] as const) {
    describe(`over ${name}`, () => {
      it('gives output and exit code', async () => {
        const { exitCode, status, output, omittedBytes, timedOut, ...rest } = await call({
          command: 'printf "\\033[32mgreen\\033[0m\\n"; echo err >&2; exit 7',
        });
        assert.deepEqual(
          { exitCode, status, output, omittedBytes, timedOut },
          { exitCode: 7, status: 'exited', output: 'green\nerr\n', omittedBytes: 0, timedOut: false },
        );
        assert.ok(Number(rest['durationMs']) >= 0);
        assert.equal(rest['outputId'], undefined);
      });

      it('tells a signal from an exit code', async () => {
        const killed = await call({ command: 'kill -9 $$' });
        assert.deepEqual([killed['exitCode'], killed['signal']], [null, 9]);
        const code = await call({ command: 'exit 137' });
        assert.deepEqual([code['exitCode'], code['signal']], [137, undefined]);
      });

      it('stops a command when its time is over', async () => {
        const result = await call({ command: 'echo begun; sleep 300', timeoutMs: 1_000 });
        assert.equal(result['timedOut'], true);
        assert.equal(result['status'], 'exited');
        assert.match(String(result['output']), /begun/);
      });

      it('leaves out the middle and gives the whole back', async () => {
        const result = await call({ command: 'seq 1 20000', maxOutputChars: 1_000 });
        const omittedBytes = Number(result['omittedBytes']);
        assert.match(
          String(result['output']),
          /^1\n2\n[\s\S]*\n\[… \d+ bytes of output left out …\]\n[\s\S]*\n20000\n$/,
        );
        assert.ok(omittedBytes > 100_000);
        let text = '';
        let offset = 0;
        for (let rounds = 0; rounds < 10; rounds++) {
          const params = { outputId: result['outputId'], fromOffset: offset, maxBytes: 50_000 };
          const part = await stdio.result('terminal/readOutput', params);
          assert.equal(part['fromOffset'], offset);
          text += String(part['text']);
          offset = Number(part['nextOffset']);
          assert.deepEqual([part['status'], part['exitCode'], part['omittedBytes']], ['exited', 0, 0]);
          if (offset === part['endOffset']) break;
        }
        assert.equal(text, Array.from({ length: 20_000 }, (_value, index) => `${index + 1}\n`).join(''));
      });

      it('takes folder, variables and name, and carries nothing on', async () => {
        const first = await call({ command: 'pwd; echo "$GIVEN"; export LOST=1; cd /', env: { GIVEN: 'yes' } });
        assert.equal(first['output'], `${work}\nyes\n`);
        assert.equal((await call({ command: 'echo "[$LOST]"; pwd' }))['output'], `[]\n${work}\n`);
      });

      it('starts in the background with what is printed at first, and lists the terminal', async () => {
        const result = await call({ command: 'echo up; sleep 300', background: true, name: 'a server' });
        assert.deepEqual([result['status'], result['output'], result['exitCode']], ['running', 'up\n', undefined]);
        const { sessionId } = result;
        const info = await until('the terminal', sessionId, () => true);
        assert.deepEqual([info['name'], info['status']], ['a server', 'active']);
        assert.equal((info['lastCommand'] as Result)['commandLine'], 'echo up; sleep 300');
        await stdio.result('terminal/signal', { sessionId, signal: 'SIGTERM' });
        const ended = await waitFor('the end to be in the file', async () => {
          const part = await stdio.result('terminal/readOutput', { outputId: sessionId });
          return part['status'] === 'exited' && part;
        });
        assert.equal(ended['text'], 'up\n');
        assert.equal(ended['signal'], 15);
      });

      it('follows a program that replaces the shell', async () => {
        const result = await call({ command: 'exec sh -c "echo replaced; exit 3"' });
        assert.deepEqual([result['exitCode'], result['output']], [3, 'replaced\n']);
      });

      it('ends with its shell, whatever jobs in the background hold the terminal', async () => {
        const startedAt = performance.now();
        const result = await call({
          command: '(trap "" HUP; sleep 30) & nohup sleep 30 >/dev/null 2>&1 & echo done; exit 4',
        });
        assert.deepEqual([result['exitCode'], result['output']], [4, 'done\n']);
        assert.ok(performance.now() - startedAt < 10_000);
      });

      it('refuses a folder that is not there', async () => {
        const server = name === 'stdio' ? stdio : httpServer;
        if (server instanceof StdioServer) {
          const answer = await server.request('terminal/run', { command: 'true', cwd: '/no/such' });
          assert.equal(answer.error?.data?.reason, 'InvalidCwd');
        } else {
          const answer = await server.call('terminal/run', { command: 'true', cwd: '/no/such' });
          assert.equal(answer.body['error'], 'InvalidCwd');
        }
      });
    });
  }

  /** A command that survives all but SIGKILL, and says in a file that it is there. */
  const deaf = (mark: string): string => `trap '' INT TERM; echo $$ > ${mark}; while :; do sleep 1; done`;

  async function pidIn(mark: string): Promise<number> {
    const file = path.join(work, mark);
    return waitFor('the command', () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0) || undefined);
  }

  it('ends a deaf command when its request is cancelled', async () => {
    const id = 'cancel-me';
    stdio.sendBody(
      JSON.stringify({ jsonrpc: '2.0', id, method: 'terminal/run', params: { command: deaf('cancelled'), cwd: work } }),
    );
    const pid = await pidIn('cancelled');
    stdio.notify('$/cancelRequest', { id });
    assert.equal((await stdio.answerTo(id)).error?.data?.reason, 'Cancelled');
    await waitFor('the process to be gone', () => !existsSync(`/proc/${pid}`));
  });

  it('ends a deaf command when its caller has gone', async () => {
    const body = JSON.stringify({ command: deaf('gone'), cwd: work });
    const request = http.request(new URL('/api/terminal/run', httpServer.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${httpServer.token}`, 'content-type': 'application/json' },
    });
    request.on('error', () => undefined);
    request.end(body);
    const pid = await pidIn('gone');
    request.destroy();
    await waitFor('the process to be gone', () => !existsSync(`/proc/${pid}`));
  });

  it('lets a command go on in the background when somebody says so', async () => {
    const running = run({
      command: 'echo first; read -r line; sleep 2; echo "then $line"; exit 6',
      timeoutMs: 2_000,
      name: 'mine',
    });
    const { sessionId } = await waitFor('the terminal', async () => (await list()).find((t) => t['name'] === 'mine'));
    await waitFor('its output', async () => {
      return (await stdio.result('terminal/readOutput', { sessionId }))['text'] === 'first\n';
    });
    await stdio.result('terminal/background', { sessionId });
    const result = await running;
    assert.deepEqual([result['status'], result['output'], result['sessionId']], ['running', 'first\n', sessionId]);
    // It takes longer than its time limit was.
    await stdio.result('terminal/write', { sessionId, data: 'hello\r' });
    const ended = await waitFor('the end', async () => {
      const part = await stdio.result('terminal/readOutput', { outputId: sessionId });
      return part['status'] === 'exited' && part;
    });
    assert.equal(ended['exitCode'], 6);
    assert.equal(ended['text'], 'first\nhello\nthen hello\n');
    const unknown = await stdio.request('terminal/background', { sessionId });
    assert.equal(unknown.error?.data?.reason, 'NotFound');
  });

  for (const [kind, command, answer, output] of [
    [
      'password',
      'read -r -s -p "Password: " secret; echo; echo "${#secret} letters"',
      'hunter2\r',
      'Password:\n7 letters\n',
    ],
    ['confirmation', 'read -r -p "Go on? [y/N] " answer; echo "said $answer"', 'y\r', 'Go on? [y/N] y\nsaid y\n'],
  ] as const) {
    it(`says that a program waits for a ${kind}, until it goes on`, async () => {
      const running = run({ command, name: kind });
      const { sessionId } = await waitFor('the terminal', async () => (await list()).find((t) => t['name'] === kind));
      const info = await until('the prompt', sessionId, (terminal) => terminal['waitsForInput']);
      assert.equal((info['waitsForInput'] as Result)['kind'], kind);
      await waitFor('the prompt to be told', () =>
        stdio.messages.some(({ method, params }) => {
          const terminal = (params as { terminal?: Result | null } | undefined)?.terminal;
          return (
            method === 'terminal/changed' && (terminal?.['waitsForInput'] as Result | undefined)?.['kind'] === kind
          );
        }),
      );
      await stdio.result('terminal/write', { sessionId, data: answer });
      const result = await running;
      assert.equal(result['output'], output);
      assert.equal((await until('the end', sessionId, () => true))['waitsForInput'], undefined);
    });
  }

  it('keeps 8 MiB of a flood in a private file, first and last', async () => {
    const result = await run({ command: 'seq 1 1500000', maxOutputChars: 2_000 });
    const file = outputFile(result['outputId']);
    assert.ok(statSync(file).size <= 8 * 1_048_576);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const first = await stdio.result('terminal/readOutput', { outputId: result['outputId'], maxBytes: 15 });
    assert.equal(first['text'], '1\n2\n3\n4\n5\n');
    const endOffset = Number(first['endOffset']);
    const last = { outputId: result['outputId'], fromOffset: endOffset - 18, maxBytes: 100 };
    assert.equal((await stdio.result('terminal/readOutput', last))['text'], '1499999\n1500000\n');
    const middle = { outputId: result['outputId'], fromOffset: 4_194_300, maxBytes: 1_000 };
    const part = await stdio.result('terminal/readOutput', middle);
    assert.equal(part['nextOffset'], 4_194_304, 'a part ends where the bytes are no longer kept');
    const next = await stdio.result('terminal/readOutput', { ...middle, fromOffset: 4_194_304 });
    assert.equal(Number(next['fromOffset']) - 4_194_304, next['omittedBytes']);
    assert.ok(Number(next['omittedBytes']) > 3_000_000);
  });

  it('counts lines from the start of what is kept', async () => {
    const { outputId } = await run({ command: 'seq 1 20000', maxOutputChars: 1_000 });
    const part = await stdio.result('terminal/readOutput', { outputId, fromLine: 15_000, maxBytes: 14 });
    assert.equal(part['text'], '15000\n15001\n');
    const beyond = await stdio.result('terminal/readOutput', { outputId, fromLine: 30_000 });
    assert.deepEqual([beyond['text'], beyond['fromOffset']], ['', beyond['endOffset']]);
  });

  it('reads the output of any terminal from where it is asked for', async () => {
    const params = { shell: 'sh', args: ['-c', 'printf 0123456789; sleep 300'] };
    const { sessionId } = await stdio.result('terminal/create', params);
    await until('the output', sessionId, (info) => info['producedBytes'] === 10);
    const part = await stdio.result('terminal/readOutput', { sessionId, fromOffset: 3, toOffset: 7 });
    assert.deepEqual([part['text'], part['fromOffset'], part['nextOffset']], ['3456', 3, 7]);
    assert.deepEqual([part['status'], part['endOffset']], ['running', 10]);
    await stdio.result('terminal/close', { sessionId });
    const gone = await stdio.request('terminal/readOutput', { sessionId });
    assert.equal(gone.error?.data?.reason, 'NotFound');
  });

  it('writes no file for what is short', async () => {
    const before = readdirSync(path.join(folder.path, 'commands', 'output')).length;
    const { sessionId } = await run({ command: 'seq 1 100' });
    assert.equal(existsSync(outputFile(sessionId)), false);
    assert.equal(readdirSync(path.join(folder.path, 'commands', 'output')).length, before);
  });
});
