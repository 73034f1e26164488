import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { HttpServer } from '../../support/httpServer.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';

describe('Tokens from the command line', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [serverBundle, 'tokens', ...args], {
      env: serverEnvironment(folder.path),
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  it('are made, listed, rotated and revoked, and a server that runs knows at once', async () => {
    const server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    try {
      const made = run('create', '--name', 'a script', '--scope', 'terminal', '--hours', '1.5');
      assert.equal(made.status, 0, made.stderr);
      const token = made.stdout.trim();
      assert.match(made.stderr, /scope "terminal" until 20\d\d-.*not shown again/);
      assert.ok(
        made.stderr.includes(`It holds at ${server.url.origin} (process ${server.child.pid ?? 0}).`),
        made.stderr,
      );
      const client = await WebSocketClient.open(server, { token });
      const listed = run('list');
      const [, id = ''] = /^([0-9a-f]{16}) +terminal +20\S+ +a script$/m.exec(listed.stdout) ?? [];
      assert.equal(listed.stdout.includes(token), false);
      const rotated = run('rotate', id);
      assert.match(rotated.stderr, /The old token holds no more\. The new one is [0-9a-f]{16} until 20/);
      assert.equal(await client.closed(), 1008);
      await assert.rejects(WebSocketClient.open(server, { token }), /401/);
      const next = await WebSocketClient.open(server, { token: rotated.stdout.trim() });
      const { tokens } = JSON.parse(run('list', '--json').stdout) as { tokens: { tokenId: string; name: string }[] };
      const nextId = tokens.find(({ name }) => name === 'a script')?.tokenId ?? '';
      assert.ok(rotated.stderr.includes(` ${nextId} `), rotated.stderr);
      assert.equal(run('revoke', nextId).stdout, `Revoked ${nextId}.\n`);
      assert.equal(await next.closed(), 1008);
    } finally {
      await server.stop();
    }
  });

  it('say that no "serve" runs, also where one was killed', async () => {
    assert.match(run('create', '--name', 'early').stderr, /No "serve" runs on this data folder/);
    const server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    server.child.kill('SIGKILL');
    await once(server.child, 'exit');
    assert.match(run('create', '--name', 'late').stderr, /No "serve" runs on this data folder/);
  });

  it('say what is wrong', () => {
    assert.match(run('revoke', '0123456789abcdef').stderr, /There is no token 0123456789abcdef/);
    assert.match(run('revoke', 'nightly build').stderr, /expected the id of a token, as `tokens list` shows it/);
    assert.match(run('revoke', 'dataFolder').stderr, /only rotated/);
    assert.deepEqual([run('revoke', '../token').status, run('create', '--name', 'x', '--hours', '0').status], [1, 64]);
    assert.equal(run('create', '--name', 'x', '--scope', 'everything').status, 64);
    assert.equal(run('create').status, 64);
  });
});
