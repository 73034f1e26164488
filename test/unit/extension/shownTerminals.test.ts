import * as assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { leaseMs, ShownTerminals } from '../../../extension/src/terminals/shownTerminals.ts';

describe('The memory of the terminals that a window shows', () => {
  let folder: string;
  let now: number;
  /** Stand where the extension hosts of windows stand: what counts of them is that they run. */
  let hosts: ChildProcess[];

  const files = (): string[] => readdirSync(path.join(folder, 'shownTerminals'));

  function openWindow(...paths: string[]): { memory: ShownTerminals; close: () => Promise<void> } {
    const host = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    hosts.push(host);
    const workspace = { folders: paths.map((one) => ({ path: one, name: one })), trusted: true };
    const memory = new ShownTerminals({ folder, workspace, pid: host.pid!, clock: { now: () => now } });
    return { memory, close: () => end(host) };
  }

  async function end(host: ChildProcess): Promise<void> {
    if (host.exitCode !== null || host.signalCode !== null) return;
    const exited = once(host, 'exit');
    host.kill('SIGKILL');
    await exited;
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ada-shown-'));
    now = Date.now();
    hosts = [];
  });

  afterEach(async () => {
    await Promise.all(hosts.map(end));
    rmSync(folder, { recursive: true });
  });

  it('gives the next window of the same folders what was written last, once the window has ended', async () => {
    const first = openWindow('/a', '/b');
    assert.deepEqual((await first.memory.takeOver()).shown, []);
    await Promise.all([1, 2, 3].map((count) => first.memory.write({ shown: [`t${count}`, 'same'], front: 't3' })));
    assert.equal(files().length, 1, 'a temporary file is left');
    await first.close();
    const other = await openWindow('/a').memory.takeOver();
    assert.deepEqual(other.shown, [], 'windows are told apart by their folders');
    const next = openWindow('/b', '/a');
    const left = await next.memory.takeOver();
    assert.deepEqual({ shown: left.shown, front: left.front }, { shown: ['t3', 'same'], front: 't3' });
    await next.memory.write({ shown: left.shown, front: left.front });
    await left.taken();
    assert.equal(files().length, 1, 'what was taken over is left');
  });

  it('keeps what an open window shows from a second window, and both remember their own', async () => {
    const first = openWindow('/a');
    const second = openWindow('/a');
    await first.memory.write({ shown: ['one'], front: '' });
    const left = await second.memory.takeOver();
    assert.deepEqual(left.shown, []);
    assert.equal(left.openWindows, 1);
    await second.memory.write({ shown: ['two'], front: 'two' });
    await Promise.all([first.close(), second.close()]);
    const third = await openWindow('/a').memory.takeOver();
    assert.deepEqual([...third.shown].sort(), ['one', 'two']);
    assert.equal(third.front, 'two');
  });

  it('gives what was left to exactly one of several windows', async () => {
    const first = openWindow('/a');
    await first.memory.write({ shown: ['one'], front: '' });
    await first.close();
    const windows = Array.from({ length: 5 }, () => openWindow('/a'));
    const taken = await Promise.all(windows.map(({ memory }) => memory.takeOver()));
    assert.deepEqual(
      taken.flatMap(({ shown }) => shown),
      ['one'],
    );
  });

  it('gives it again where the window that took it over ended before it showed anything', async () => {
    const first = openWindow('/a');
    await first.memory.write({ shown: ['one'], front: '' });
    await first.close();
    const second = openWindow('/a');
    assert.deepEqual((await second.memory.takeOver()).shown, ['one']);
    assert.deepEqual((await second.memory.takeOver()).shown, ['one'], 'also to itself');
    await second.close();
    assert.deepEqual((await openWindow('/a').memory.takeOver()).shown, ['one']);
  });

  it('takes a window for gone that renews its lease no more, though its process is there', async () => {
    const lost = openWindow('/a');
    const open = openWindow('/a');
    await lost.memory.write({ shown: ['lost'], front: '' });
    await open.memory.write({ shown: ['open'], front: '' });
    now += leaseMs - 1;
    await open.memory.renew();
    const next = openWindow('/a');
    assert.deepEqual((await next.memory.takeOver()).shown, []);
    now += 1;
    const left = await next.memory.takeOver();
    assert.deepEqual(left.shown, ['lost']);
    assert.equal(left.openWindows, 1);
  });

  it('need not be waited for where the window has said that it ends, and is not changed after that', async () => {
    const first = openWindow('/a');
    await first.memory.write({ shown: ['one'], front: '' });
    await first.memory.release();
    await first.memory.write({ shown: [], front: '' });
    await first.memory.renew();
    const left = await openWindow('/a').memory.takeOver();
    assert.deepEqual(left.shown, ['one']);
    assert.equal(left.openWindows, 0);
  });

  it('is empty where its file is damaged', async () => {
    for (const content of ['', '{"shown": [1, "x"', 'null', '{"shown": 4, "front": []}']) {
      const first = openWindow('/a');
      await first.memory.write({ shown: ['id'], front: '' });
      await first.close();
      for (const file of files()) writeFileSync(path.join(folder, 'shownTerminals', file), content);
      const left = await openWindow('/a').memory.takeOver();
      assert.deepEqual({ shown: left.shown, front: left.front }, { shown: [], front: '' }, content);
      await left.taken();
    }
  });
});
