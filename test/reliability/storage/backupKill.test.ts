import * as assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { openFilesUnder } from '../../support/openFiles.ts';
import { backupServiceOn, savedState, writeTree } from '../../unit/storage/backups/backupWorld.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';

const rounds = Number(process.env['STORAGE_KILL_ROUNDS'] ?? 25);
const longestLifeMs = 150;
/** Types are stripped by Node itself here, of which it would warn. */
const quiet = '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON';
const program = path.join(import.meta.dirname, 'restoringProcess.ts');

describe(`backups under ${rounds} kill -9`, function () {
  this.timeout(rounds * 10_000);
  let fixture: StorageFixture;
  before(() => (fixture = new StorageFixture()));
  after(() => {
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  it('are restored whole or not at all, and none is lost or half made', async () => {
    const data = fixture.dataFolder;
    const world = backupServiceOn(data);
    writeTree(data, { 'settings.json': '{}', ...journals('one', 12) });
    const first = [await world.create(), savedState(data)] as const;
    fs.rmSync(path.join(data, 'settings.json'));
    fs.rmSync(path.join(data, 'conversations'), { recursive: true });
    writeTree(data, { 'agents/mine.agent.md': 'x', ...journals('two', 9) });
    const second = [await world.create(), savedState(data)] as const;
    let cutOff = 0;
    for (let round = 1; round <= rounds; round += 1) {
      await restoreUntilKilled(data, [first[0].id, second[0].id]);
      if (fs.existsSync(path.join(data, 'backups/restoring.json'))) cutOff += 1;
      const next = backupServiceOn(data);
      next.service.start();
      await next.service.started(AbortSignal.timeout(20_000));
      const found = savedState(data);
      assert.ok(
        [first, second].some(([, state]) => isDeepStrictEqual(state, found)),
        `round ${round}: neither the state before nor the one after`,
      );
      const { backups } = await next.verify();
      assert.ok(backups.length >= 2 && backups.every(({ isGood }) => isGood), JSON.stringify(backups));
      await next.service.dispose();
    }
    console.log(`      ${cutOff} of ${rounds} were cut off between the first and the last rename`);
  });

  /** Runs the restoring process and kills it at a random moment. */
  async function restoreUntilKilled(data: string, ids: readonly string[]): Promise<void> {
    const child = spawn(process.execPath, [quiet, program, data, ...ids], { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = once(child, 'close');
    let [out, errors] = ['', ''];
    const begun = Promise.withResolvers<true>();
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
      begun.resolve(true);
    });
    await Promise.race([begun.promise, closed, sleep(20_000, undefined, { ref: false })]);
    // The moment of the kill is what is random here: this is no wait for something to happen.
    await sleep(Math.random() * longestLifeMs);
    child.kill('SIGKILL');
    await closed;
    assert.match(out, /^restoring\n/, errors);
    assert.equal(child.signalCode, 'SIGKILL', errors);
  }
});

function journals(text: string, count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `conversations/w ä/conversation-${text}-${index}.journal`,
      `${text} ${index}\n`.repeat(200 * index),
    ]),
  );
}
