import * as assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { acquireLock } from '../../../server/src/storage/conversationLock.ts';
import { eventually } from '../../support/eventually.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';
import { lockSystem } from './lockSystem.ts';

/** Types are stripped by Node itself here, of which it would warn. */
const quiet = '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON';
const program = path.join(import.meta.dirname, 'lockingProcess.ts');
const conversation = 'conversation-1';
const takers = 5;
const rounds = 4;

class LockingProcess {
  output = '';
  private readonly child;
  private readonly closed;

  constructor(folder: string) {
    this.child = spawn(process.execPath, [quiet, program, folder, conversation], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.closed = once(this.child, 'close');
    this.child.stdout.on('data', (data: Buffer) => (this.output += data.toString()));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get answered(): boolean {
    return /holds|refused/.test(this.output);
  }

  go(): void {
    this.child.stdin.write('go\n');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}

describe('the lock on a conversation', function () {
  this.timeout(60_000);
  let fixture: StorageFixture;
  const running = new Set<LockingProcess>();
  beforeEach(() => (fixture = new StorageFixture()));
  afterEach(async () => {
    for (const process of running) await process.kill();
    running.clear();
    fixture.remove();
  });

  async function start(): Promise<LockingProcess> {
    const locking = new LockingProcess(fixture.folder);
    running.add(locking);
    await eventually('the process has started', () => locking.output.includes('ready'), 20_000);
    return locking;
  }

  it('goes to exactly one of several that come at once, and again to one after that one was killed', async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const contenders = await Promise.all(Array.from({ length: takers }, start));
      for (const contender of contenders) contender.go();
      await eventually('all have an answer', () => contenders.every((contender) => contender.answered), 20_000);
      const holders = contenders.filter(({ output }) => output.includes('holds'));
      assert.equal(holders.length, 1, contenders.map(({ output }) => output).join());
      for (const contender of contenders) await contender.kill();
      // Each round finds the claim of the holder that was killed; there are never more of them.
      assert.equal(claims().length, 1);
    }
  });

  it('is refused while its holder lives, even stopped, and is free once it is killed', async () => {
    const system = lockSystem();
    const holder = await start();
    holder.go();
    await eventually('it holds', () => holder.output.includes('holds'));
    process.kill(holder.pid, 'SIGSTOP');
    assert.equal(await acquireLock(fixture.folder, conversation, system), undefined);
    await holder.kill();
    const lock = await acquireLock(fixture.folder, conversation, system);
    assert.ok(lock);
    await lock.release();
    assert.deepEqual(claims(), []);
  });

  it('is not held by a process that only has the number of a former holder', async () => {
    const system = lockSystem();
    const { pid } = await system.processes.self();
    fs.writeFileSync(path.join(fixture.folder, `${conversation}.lock-${pid}-1b00000000-0123456789ab`), '');
    const lock = await acquireLock(fixture.folder, conversation, system);
    assert.ok(lock);
    await lock.release();
  });

  function claims(): string[] {
    return fs.readdirSync(fixture.folder).filter((name) => name.includes('.lock-'));
  }
});
