import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { runExclusively } from '../../../scripts/workbench/exclusiveWork.ts';

const moduleUrl = new URL('../../../scripts/workbench/exclusiveWork.ts', import.meta.url).href;

/** A process that reads a number, waits, and writes it back plus one: without a lock, counts get lost. */
const counting = `
  import { readFile, writeFile } from 'node:fs/promises';
  import { setTimeout as delay } from 'node:timers/promises';
  import { runExclusively } from '${moduleUrl}';
  const [lockFile, counter] = process.argv.slice(1);
  await runExclusively({ lockFile, waitMs: 20000, onWait() {}, async work() {
    const count = Number(await readFile(counter, 'utf8'));
    await delay(30);
    await writeFile(counter, String(count + 1));
  } });`;

describe('exclusive work', () => {
  let folder: string;
  let lockFile: string;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'ada-lock-'));
    lockFile = path.join(folder, 'work.lock');
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const job = (work: () => Promise<string>, waitMs = 1_000) => ({ lockFile, waitMs, onWait: () => undefined, work });

  it('is done by one process after the other, even when the lock of a dead one lies about', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await fs.writeFile(lockFile, String(dead));
    const counter = path.join(folder, 'counter');
    await fs.writeFile(counter, '0');
    const flags = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--input-type=module', '-e', counting];
    const children = Array.from({ length: 5 }, () =>
      spawn(process.execPath, [...flags, lockFile, counter], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
    assert.deepEqual(codes, [0, 0, 0, 0, 0]);
    assert.equal(await fs.readFile(counter, 'utf8'), '5');
    assert.deepEqual(await fs.readdir(folder), ['counter']);
  });

  it('gives the lock back when the work fails', async () => {
    await assert.rejects(runExclusively(job(() => Promise.reject(new Error('broken')))), /broken/);
    assert.equal(await runExclusively(job(() => Promise.resolve('done'))), 'done');
  });

  it('stops waiting for a living holder at its limit, and says for what it waited', async () => {
    await fs.writeFile(lockFile, String(process.ppid));
    await assert.rejects(runExclusively(job(() => Promise.resolve('never'), 300)), (error: Error) =>
      error.message.includes(lockFile),
    );
    assert.equal(await fs.readFile(lockFile, 'utf8'), String(process.ppid));
  });
});
