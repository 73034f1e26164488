import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Several that are started at once with "serve" on a data folder', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('are one that serves, and others that print its line, also once that one was killed', async () => {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const started = await Promise.all(Array.from({ length: 4 }, () => startServe(folder.path)));
      const lines = new Set(started.map(({ line }) => line));
      assert.equal(lines.size, 1, [...lines].join(''));
      const { pid } = JSON.parse([...lines][0] ?? '') as { pid: number };
      const running = started.filter(({ child }) => child.pid === pid);
      assert.equal(running.length, 1);
      for (const { child, ended } of started) {
        if (child.pid === pid) child.kill(signal);
        await ended;
      }
    }
    assert.deepEqual(
      readdirSync(path.join(folder.path, 'servers')).filter((name) => name.startsWith('serve')),
      [],
    );
  });
});

/** Starts one, and waits for the line that it prints. */
async function startServe(data: string): Promise<{ child: ChildProcess; line: string; ended: Promise<unknown> }> {
  const child = spawn(process.execPath, [serverBundle, 'serve', '--log-level', 'off'], {
    env: serverEnvironment(data),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let line = '';
  child.stdout.on('data', (text: Buffer) => (line += text.toString()));
  await waitFor('its line', () => line.endsWith('\n'), 30_000);
  return { child, line, ended };
}

describe('A second "serve" on a data folder', () => {
  const folder = temporaryFolder();
  const data = path.join(folder.path, 'data');
  let first: HttpServer;

  before(async () => {
    mkdirSync(path.join(folder.path, 'work'));
    const options = ['--workspace', path.join(folder.path, 'work'), '--allowed-host', 'box.example', 'desk.example'];
    first = await HttpServer.start(data, [...options, '--log-level', 'off']);
  });
  after(async () => {
    await first.stop();
    folder.remove();
  });

  function second(...args: readonly string[]): SpawnSyncReturns<string> {
    return spawnSync(process.execPath, [serverBundle, 'serve', ...args], {
      cwd: folder.path,
      env: serverEnvironment(data),
      encoding: 'utf8',
      timeout: 20_000,
    });
  }

  for (const same of [
    [],
    ['--log-level', 'error'],
    ['--host', '127.0.0.1', '--port', '0'],
    ['--workspace', 'work', '--allowed-host', 'Desk.example'],
  ]) {
    it(`prints the line of the first for: serve ${same.join(' ')}`, () => {
      const { status, stdout, stderr } = second(...same);
      assert.equal(status, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), first.record);
    });
  }

  it('prints the line of the first for the port that it has', () => {
    assert.deepEqual(JSON.parse(second('--port', first.url.port).stdout), first.record);
  });

  for (const [args, named] of [
    [['--port', '1'], '--port'],
    [['--host', '::1'], '--host'],
    [['--workspace', '.', '--allowed-host', 'box.example', 'lap.example'], '--allowed-host and --workspace'],
    [['--tls-cert', 'box.cert.pem', '--tls-key', 'box.key.pem'], '--tls-cert and --tls-key'],
  ] as const) {
    it(`is refused, and told what to do, for what the first was started without: serve ${args.join(' ')}`, () => {
      const { status, stdout, stderr } = second(...args);
      assert.deepEqual([status, stdout], [1, '']);
      assert.ok(stderr.includes(`(process ${first.child.pid ?? 0}, ${first.url.origin})`), stderr);
      assert.ok(stderr.includes(`but not with this ${named}. Nothing was changed`), stderr);
      assert.match(stderr, /stop that process first/);
    });
  }

  it('is refused with an option where a first one of an early version noted none, and finds it without', () => {
    const file = path.join(data, 'servers', 'serve.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...record, choices: undefined }));
    assert.equal(second('--workspace', 'work').status, 1);
    assert.deepEqual(JSON.parse(second().stdout), first.record);
    writeFileSync(file, JSON.stringify(record));
  });
});
