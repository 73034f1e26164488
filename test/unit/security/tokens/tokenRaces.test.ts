import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { systemClock } from '../../../../server/src/base/clock.ts';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import { HiddenValues } from '../../../../server/src/base/hiddenValues.ts';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import type { Order, Outcomes } from './tokenProcess.ts';

const wanted = { name: 'one', scope: 'read', hours: 1 } as const;
const rounds = 25;

/** As a server and the command line do, which share nothing but the folder. */
describe('Two processes that change the tokens of one folder at once', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let processes: readonly ChildProcess[];
  let store: TokenStore;

  beforeEach(async () => {
    folder = temporaryFolder();
    store = new TokenStore({
      dataFolder: folder.path,
      hidden: new HiddenValues(),
      fileSystem: nodeFileSystem,
      clock: systemClock,
      logger: recordingLogger().logger,
      onRepaired: () => undefined,
    });
    processes = [1, 2].map(() => fork(path.join(import.meta.dirname, 'tokenProcess.ts'), [folder.path]));
    await Promise.all(processes.map((child) => once(child, 'message')));
  });
  afterEach(async () => {
    const exits = processes.map((child) => once(child, 'exit'));
    for (const child of processes) child.disconnect();
    assert.deepEqual(await Promise.all(exits), [
      [0, null],
      [0, null],
    ]);
    store.dispose();
    folder.remove();
  });

  /** What came of the orders, one for each process. */
  async function carriedOut(orders: readonly Order[]): Promise<Outcomes[]> {
    const answers = processes.map(async (child) => ((await once(child, 'message')) as [Outcomes])[0]);
    for (const [index, child] of processes.entries()) child.send(orders[index] ?? []);
    return Promise.all(answers);
  }
  const held = async (tokens: readonly string[]): Promise<number> => {
    const bearers = await Promise.all(tokens.map((token) => store.authenticate(token)));
    return bearers.filter((bearer) => bearer !== undefined).length;
  };
  const given = (outcomes: readonly string[]): string[] => outcomes.filter((outcome) => outcome.startsWith('ada_'));

  it('have either revoked a token or rotated it, never both', async () => {
    for (let round = 0; round < rounds; round++) {
      const { tokenId, token } = await store.issue(wanted);
      const [[rotated = ''] = [], [revoked = ''] = []] = await carriedOut([
        [['rotate', tokenId]],
        [['revoke', tokenId]],
      ]);
      const wasRotated = rotated.startsWith('ada_');
      assert.equal(wasRotated ? revoked : rotated, 'NotFound');
      assert.equal(wasRotated || revoked === 'done', true);
      const left = (await store.list()).filter((one) => one.tokenId !== 'dataFolder');
      assert.equal(left.length, wasRotated ? 1 : 0);
      for (const one of left) await store.revoke(one.tokenId);
      assert.equal(await store.authenticate(token), undefined);
    }
  });

  it('have rotated a token to one, however often they were asked to', async () => {
    for (let round = 0; round < rounds; round++) {
      const { tokenId } = await store.issue(wanted);
      const six = Array.from({ length: 6 }, () => ['rotate', tokenId] as const);
      const outcomes = (await carriedOut([six, six])).flat();
      assert.equal(given(outcomes).length, 1);
      assert.equal(outcomes.filter((outcome) => outcome === 'NotFound').length, 11);
      const left = (await store.list()).filter((one) => one.tokenId !== 'dataFolder');
      assert.equal(left.length, 1);
      assert.equal(await held(given(outcomes)), 1);
      await store.revoke(left[0]?.tokenId ?? '');
    }
  });

  it('have never made more than a hundred', async () => {
    for (let count = 0; count < 95; count++) await store.issue(wanted);
    for (let round = 0; round < rounds; round++) {
      const four = Array.from({ length: 4 }, () => ['issue', ''] as const);
      const outcomes = (await carriedOut([four, four])).flat();
      for (const outcome of outcomes) assert.ok(outcome === 'ResourceLimit' || outcome.startsWith('ada_'));
      const left = (await store.list()).filter((one) => one.tokenId !== 'dataFolder');
      assert.ok(left.length <= 100, `${left.length} tokens`);
      assert.equal(await held(given(outcomes)), given(outcomes).length, 'whoever was given one has one that holds');
      const free = left.length - 95;
      for (const one of left.slice(-free || left.length)) await store.revoke(one.tokenId);
    }
  });
});
