import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

type Result = Record<string, unknown>;

/** What a client needs to call a method, whatever the transport. */
interface Caller {
  readonly call: (method: string, params: object) => Promise<Result>;
  readonly reasonOf: (method: string, params: object) => Promise<string | undefined>;
}

function overStdio(server: StdioServer): Caller {
  return {
    call: (method, params) => server.result(method, params),
    reasonOf: async (method, params) => (await server.request(method, params)).error?.data?.reason,
  };
}

function overHttp(server: HttpServer): Caller {
  return {
    call: async (method, params) => {
      const answer = await server.call(method, params);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body;
    },
    reasonOf: async (method, params) => (await server.call(method, params)).body['error'] as string | undefined,
  };
}

/** Text of a terminal's output as this client has received it. */
function outputOf(server: StdioServer, sessionId: unknown): string {
  const chunks = server.messages
    .filter((message) => message.method === 'terminal/output')
    .map((message) => message.params as { sessionId: string; data: string })
    .filter((params) => params.sessionId === sessionId)
    .map((params) => Buffer.from(params.data, 'base64'));
  return Buffer.concat(chunks).toString();
}

describe('Terminals', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  /** The cases ask faster than a script may. */
  const settings = { 'terminals.max': 6, 'limits.terminalPerSecond': 1_000 };
  let stdio: StdioServer;
  let httpServer: HttpServer;

  before(async () => {
    stdio = new StdioServer(folder.path);
    await stdio.initialize({ settings });
    writeFileSync(path.join(folder.path, 'settings.json'), JSON.stringify(settings));
    httpServer = await HttpServer.start(folder.path);
  });
  after(async () => {
    await stdio.stop();
    await httpServer.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  const transports: [string, () => Caller][] = [
    ['stdio', () => overStdio(stdio)],
    ['HTTP', () => overHttp(httpServer)],
  ];
  for (const [name, caller] of transports) {
    describe(`over ${name}`, () => {
      it('creates, lists, writes to, resizes, renames and closes a terminal', async () => {
        const { call } = caller();
        const created = await call('terminal/create', { shell: '/bin/sh', cwd: folder.path, name: 'first' });
        assert.equal(created['status'], 'active');
        const { sessionId } = created;
        const find = async () =>
          ((await call('terminal/list', {}))['terminals'] as Result[]).find((t) => t['sessionId'] === sessionId);
        assert.equal((await find())?.['name'], 'first');
        await call('terminal/resize', { sessionId, cols: 100, rows: 40 });
        assert.equal((await find())?.['cols'], 100);
        await call('terminal/rename', { sessionId, name: 'second' });
        assert.equal((await find())?.['name'], 'second');
        const file = path.join(folder.path, `size-${name}`);
        await call('terminal/write', { sessionId, data: `stty size > '${file}.new'; mv '${file}.new' '${file}'\r` });
        await waitFor('the shell to say its size', () => existsSync(file));
        assert.equal(readFileSync(file, 'utf8').trim(), '40 100');
        await call('terminal/close', { sessionId });
        assert.equal(await find(), undefined);
      });

      const refused: [string, object, string][] = [
        ['a shell that does not exist', { shell: '/bin/nosuch' }, 'InvalidShell'],
        ['a shell that is a folder', { shell: '/tmp' }, 'InvalidShell'],
        ['a shell that may not be run', { shell: '/etc/passwd' }, 'InvalidShell'],
        ['a relative shell', { shell: './sh' }, 'InvalidShell'],
        ['a folder that does not exist', { shell: 'sh', cwd: '/no/such' }, 'InvalidCwd'],
        ['a folder that is a file', { shell: 'sh', cwd: '/etc/passwd' }, 'InvalidCwd'],
        ['a relative folder', { shell: 'sh', cwd: 'x' }, 'InvalidCwd'],
        ['a variable with = in its name', { shell: 'sh', env: { 'A=B': 'x' } }, 'InvalidEnvironment'],
        ['a variable with a zero byte', { shell: 'sh', env: { A: 'x\0y' } }, 'InvalidEnvironment'],
        ['a size of zero', { shell: 'sh', cols: 0 }, 'InvalidParams'],
        ['a key too many', { shell: 'sh', color: 'red' }, 'InvalidParams'],
      ];
      for (const [what, params, reason] of refused) {
        it(`answers ${reason} to ${what}`, async () => {
          assert.equal(await caller().reasonOf('terminal/create', params), reason);
        });
      }

      for (const method of ['write', 'resize', 'rename', 'signal', 'close']) {
        it(`answers NotFound to terminal/${method} of a terminal that is gone`, async () => {
          const extra = {
            write: { data: 'x' },
            resize: { cols: 80, rows: 24 },
            rename: { name: 'x' },
            signal: { signal: 'SIGINT' },
          };
          const params = { sessionId: '0'.repeat(32), ...extra[method as keyof typeof extra] };
          assert.equal(await caller().reasonOf(`terminal/${method}`, params), 'NotFound');
        });
      }
    });
  }

  for (const shell of ['sh', 'bash', 'zsh', 'fish']) {
    it(`is at home in ${shell}`, async function () {
      const found = spawnSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' }).stdout.trim();
      if (found === '') this.skip();
      const { sessionId, name } = await stdio.result('terminal/create', { shell, cwd: folder.path });
      assert.equal(name, shell);
      await stdio.result('terminal/attach', { sessionId, fromOffset: 0 });
      // Written so that the echo of the typed line is not taken for its output.
      await stdio.result('terminal/write', { sessionId, data: 'printf "%s-%s\\n" over here; exit 4\r' });
      await waitFor('the output', () => outputOf(stdio, sessionId).includes('over-here'));
      const exited = await waitFor('the exit', () =>
        stdio.messages.find((m) => m.method === 'terminal/exited' && (m.params as Result)['sessionId'] === sessionId),
      );
      assert.equal((exited.params as Result)['exitCode'], 4);
      await stdio.result('terminal/close', { sessionId });
    });
  }

  it('sends output to who attached, from any offset, and tells the exit after the last byte', async () => {
    const { sessionId } = await stdio.result('terminal/create', {
      shell: 'sh',
      args: ['-c', 'printf 0123456789; exit 3'],
    });
    await waitFor('its end', async () => {
      const { terminals } = await stdio.result('terminal/list', {});
      return (terminals as Result[]).some((t) => t['sessionId'] === sessionId && t['status'] === 'exited');
    });
    const attached = await stdio.result('terminal/attach', { sessionId, fromOffset: 4 });
    assert.equal(attached['fromOffset'], 4);
    const exit = await waitFor(
      'the exit',
      () =>
        stdio.messages.findIndex(
          (m) => m.method === 'terminal/exited' && (m.params as Result)['sessionId'] === sessionId,
        ) + 1,
    );
    assert.equal(outputOf(stdio, sessionId), '456789');
    assert.equal((stdio.messages[exit - 1]?.params as Result)['exitCode'], 3);
    assert.equal(await overStdio(stdio).reasonOf('terminal/write', { sessionId, data: 'x' }), 'Conflict');
    await stdio.result('terminal/close', { sessionId });
  });

  it('says what to do when there are too many', async () => {
    const ids: unknown[] = [];
    for (let count = 0; count < 6; count++)
      ids.push((await stdio.result('terminal/create', { shell: 'sh' }))['sessionId']);
    const answer = await stdio.request('terminal/create', { shell: 'sh' });
    assert.equal(answer.error?.data?.reason, 'ResourceLimit');
    assert.match(answer.error.message, /terminals\.max/);
    for (const sessionId of ids) await stdio.result('terminal/close', { sessionId });
    assert.deepEqual((await stdio.result('terminal/list', {}))['terminals'], []);
  });

  it('gives a shell no variable of the editor or of ours', async () => {
    const { sessionId } = await stdio.result('terminal/create', {
      shell: 'sh',
      args: ['-c', 'env; sleep 60'],
      env: { MINE: 'yes' },
    });
    await stdio.result('terminal/attach', { sessionId, fromOffset: 0 });
    const text = await waitFor('the environment', () => {
      const output = outputOf(stdio, sessionId);
      return output.includes('MINE=yes') && output.includes('TERM=xterm-256color') && output;
    });
    assert.doesNotMatch(text, /^(AI_DEV_ASSISTANT|VSCODE|ELECTRON|npm_)/m);
    await stdio.result('terminal/close', { sessionId });
  });

  it('keeps a shell alive, the same process, when the server is killed, and shows what it printed meanwhile', async () => {
    const { sessionId, pid } = await stdio.result('terminal/create', { shell: 'sh', cwd: folder.path });
    await stdio.result('terminal/write', { sessionId, data: 'sleep 1; echo after-$((20+22))\r' });
    stdio.child.kill('SIGKILL');
    await stdio.exit();
    stdio = new StdioServer(folder.path);
    await stdio.initialize({ settings, restarts: 1 });
    const terminals = (await stdio.result('terminal/list', {}))['terminals'] as Result[];
    assert.equal(terminals.find((t) => t['sessionId'] === sessionId)?.['pid'], pid);
    await stdio.result('terminal/attach', { sessionId, fromOffset: 0 });
    await waitFor('the output', () => outputOf(stdio, sessionId).includes('after-42'));
    await stdio.result('terminal/close', { sessionId });
  });

  it('tells that a terminal is lost when the pty host itself was killed, and starts new ones', async () => {
    const { sessionId } = await stdio.result('terminal/create', { shell: 'sh' });
    await stdio.result('terminal/attach', { sessionId });
    for (const pid of ptyHostsOf(folder.path)) process.kill(pid, 'SIGKILL');
    await waitFor('the loss to be told', () =>
      stdio.messages.some((message) => {
        const params = (message.params ?? {}) as Result;
        return (
          message.method === 'terminal/changed' &&
          params['sessionId'] === sessionId &&
          (params['terminal'] as Result | null)?.['status'] === 'lost'
        );
      }),
    );
    const next = await stdio.result('terminal/create', { shell: 'sh' });
    await stdio.result('terminal/close', { sessionId: next['sessionId'] });
  });

  it('survives the removal of the folder that a terminal works in', async () => {
    const doomed = path.join(folder.path, 'doomed');
    mkdirSync(doomed);
    writeFileSync(path.join(doomed, 'x'), '');
    const { sessionId, pid } = await stdio.result('terminal/create', { shell: 'sh', cwd: doomed });
    await waitFor('the shell in its folder', () => readlinkSync(`/proc/${String(pid)}/cwd`) === doomed);
    rmSync(doomed, { recursive: true });
    await stdio.result('terminal/write', { sessionId, data: 'echo still-$((1+1))\r' });
    await stdio.result('terminal/attach', { sessionId, fromOffset: 0 });
    await waitFor('an answer', () => outputOf(stdio, sessionId).includes('still-2'));
    await stdio.result('terminal/close', { sessionId });
  });
});
