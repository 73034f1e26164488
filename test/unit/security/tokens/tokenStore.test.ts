import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { readFile } from 'node:fs/promises';
import { setImmediate as settled } from 'node:timers/promises';
import { nodeFileSystem, type FileSystem } from '../../../../server/src/base/fileSystem.ts';
import { HiddenValues } from '../../../../server/src/base/hiddenValues.ts';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { waitFor } from '../../../support/waitFor.ts';

describe('The tokens of a data folder', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let clock: FakeClock;
  let hidden: HiddenValues;
  const stores: TokenStore[] = [];
  let repairs: string[];
  const onRepaired = (repair: string): void => void repairs.push(repair);

  beforeEach(() => {
    folder = temporaryFolder();
    clock = new FakeClock();
    hidden = new HiddenValues();
    repairs = [];
  });
  afterEach(() => {
    for (const store of stores.splice(0)) store.dispose();
    assert.equal(clock.pending, 0);
    folder.remove();
  });

  /** As another process has it. */
  function open(logger = recordingLogger().logger, fileSystem: FileSystem = nodeFileSystem): TokenStore {
    const store = new TokenStore({ dataFolder: folder.path, hidden, fileSystem, clock, logger, onRepaired });
    stores.push(store);
    return store;
  }
  const mainToken = async (): Promise<string> => (await readFile(path.join(folder.path, 'token'), 'utf8')).trim();

  it('let the folder’s own do everything', async () => {
    const store = open();
    await store.authenticate('');
    const bearer = await store.authenticate(await mainToken());
    assert.deepEqual([bearer?.tokenId, bearer?.scope, bearer?.isOwner], ['dataFolder', 'admin', true]);
  });

  it('let one that was made do what it was made for, until its hour', async () => {
    const store = open();
    const { tokenId, token, expiresAt } = await store.issue({ name: 'CI', scope: 'read', hours: 1 });
    assert.equal(expiresAt, clock.now() + 3_600_000);
    const { digest, ...bearer } = (await store.authenticate(token)) ?? { digest: '' };
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(bearer, { tokenId, name: 'CI', scope: 'read', isOwner: false });
    clock.advance(3_599_999);
    assert.ok(await store.authenticate(token));
    clock.advance(1);
    assert.equal(await store.authenticate(token), undefined);
    assert.deepEqual(
      (await store.list()).map((one) => one.tokenId),
      ['dataFolder'],
    );
  });

  it('hold in every server of the folder, and end in every one within a second', async () => {
    const [one, other] = [open(), open()];
    const { tokenId, token } = await one.issue({ name: 'script', scope: 'terminal', hours: 24 });
    const bearer = await other.authenticate(token);
    assert.ok(bearer);
    let ended = 0;
    other.watch(bearer, () => ended++);
    await one.revoke(tokenId);
    assert.equal(await one.authenticate(token), undefined);
    clock.advance(1_000);
    await waitFor('the other server to notice', () => ended === 1);
    assert.equal(await other.authenticate(token), undefined);
  });

  it('are refused from the moment on at which they are rotated, and whoever came in with one is told', async () => {
    const store = open();
    const former = await store.issue({ name: 'script', scope: 'agent', hours: 2 });
    const shown = await store.authenticate(former.token);
    assert.ok(shown);
    let ended = 0;
    store.watch(shown, () => ended++);
    const next = await store.rotate(former.tokenId);
    assert.equal(ended, 1);
    assert.equal(await store.authenticate(former.token), undefined);
    const bearer = await store.authenticate(next.token ?? '');
    assert.deepEqual([bearer?.name, bearer?.scope, next.expiresAt], ['script', 'agent', former.expiresAt]);
  });

  it('are replaced in the file where it is the folder’s own', async () => {
    const store = open();
    await store.authenticate('');
    const former = await mainToken();
    const shown = await store.authenticate(former);
    assert.ok(shown);
    let ended = 0;
    store.watch(shown, () => ended++);
    assert.deepEqual(await store.rotate('dataFolder'), { tokenId: 'dataFolder' });
    assert.equal(ended, 1);
    assert.notEqual(await mainToken(), former);
    assert.equal(await store.authenticate(former), undefined);
    assert.ok(await store.authenticate(await mainToken()));
    assert.equal(statSync(path.join(folder.path, 'token')).mode & 0o777, 0o600);
  });

  it('are replaced where it is the folder’s own and others could read it, which is told and said once', async () => {
    const { logger, lines } = recordingLogger();
    const store = open(logger);
    const { token } = await store.open();
    assert.ok(await store.authenticate(token));
    clock.advance(1_000);
    chmodSync(path.join(folder.path, 'token'), 0o644);
    assert.equal(await store.authenticate(token), undefined);
    await store.authenticate(token);
    assert.equal(repairs.length, 1);
    assert.match(repairs.join(), /Other users could read the token’s file/);
    assert.equal(lines.filter((line) => line.includes('Other users could read')).length, 1);
  });

  it('cannot be had from what is kept of them', async () => {
    const { token } = await open().issue({ name: 'secret', scope: 'admin', hours: 1 });
    const secret = token.slice('ada_0123456789abcdef_'.length);
    const files = readdirSync(path.join(folder.path, 'tokens')).map((name) => path.join(folder.path, 'tokens', name));
    assert.equal(files.length, 1);
    for (const file of files) {
      assert.equal(readFileSync(file, 'utf8').includes(secret), false);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    assert.equal(statSync(path.join(folder.path, 'tokens')).mode & 0o777, 0o700);
  });

  it('are not taken for one another, and not in part', async () => {
    const store = open();
    const [one, other] = [
      await store.issue({ name: 'one', scope: 'admin', hours: 1 }),
      await store.issue({ name: 'other', scope: 'read', hours: 1 }),
    ];
    const swapped = `${one.token.slice(0, 21)}${other.token.slice(21)}`;
    const wrong = [
      swapped,
      one.token.slice(0, -1),
      `${one.token}A`,
      ` ${one.token}`,
      one.token.toUpperCase(),
      '',
      'x'.repeat(100_000),
    ];
    for (const presented of wrong) assert.equal(await store.authenticate(presented), undefined, presented.slice(0, 80));
  });

  it('do not hold while their file is damaged, which is said', async () => {
    const store = open();
    const { tokenId, token } = await store.issue({ name: 'one', scope: 'admin', hours: 1 });
    for (const text of ['', '{', '[]', '{"version":1,"scope":"admin"}', 'x'.repeat(10_000)]) {
      writeFileSync(path.join(folder.path, 'tokens', `${tokenId}.json`), text);
      assert.equal(await store.authenticate(token), undefined, text.slice(0, 40));
    }
    await assert.rejects(store.revoke(tokenId), { reason: 'NotFound' });
  });

  it('are a hundred at most, and those that have ended make room', async () => {
    const store = open();
    for (let count = 0; count < 100; count++) await store.issue({ name: `${count}`, scope: 'read', hours: 1 });
    await assert.rejects(store.issue({ name: 'one more', scope: 'read', hours: 1 }), { reason: 'ResourceLimit' });
    clock.advance(3_600_000);
    await store.issue({ name: 'one more', scope: 'read', hours: 1 });
    assert.equal((await store.list()).length, 2);
  });

  it('hold again where the disk did not let them be ended or replaced', async function () {
    if (process.geteuid?.() === 0) this.skip();
    const store = open();
    const { token, tokenId } = await store.issue({ name: 'one', scope: 'read', hours: 1 });
    chmodSync(path.join(folder.path, 'tokens'), 0o500);
    await assert.rejects(store.revoke(tokenId), { reason: 'Unavailable', message: /still holds/ });
    await assert.rejects(store.rotate(tokenId), { reason: 'Unavailable', message: /Nothing was changed/ });
    chmodSync(path.join(folder.path, 'tokens'), 0o700);
    assert.ok(await store.authenticate(token));
  });

  describe('while they are changed', () => {
    let store: TokenStore;
    let disk: { -readonly [operation in keyof FileSystem]: FileSystem[operation] };
    let told: number;

    beforeEach(() => {
      disk = { ...nodeFileSystem };
      told = 0;
      store = open(undefined, disk);
    });
    /** What the look of every second would find now, it has found. */
    async function nextLook(): Promise<void> {
      clock.advance(1_000);
      await store.list();
      await settled();
    }
    /** Two tokens, one of them the folder's own, and what is to be shown as them; who came in with them waits for their end. */
    async function bothShown(): Promise<readonly { readonly tokenId: string; readonly token: string }[]> {
      await store.open();
      const made = await store.issue({ name: 'script', scope: 'agent', hours: 2 });
      const both = [made, { tokenId: 'dataFolder', token: await mainToken() }];
      for (const { token } of both) {
        const bearer = await store.authenticate(token);
        assert.ok(bearer);
        store.watch(bearer, () => told++);
      }
      return both;
    }
    const failWith = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));

    it('tell nobody of their end before that is over, so that who rotates his own is answered', async () => {
      const both = await bothShown();
      const during: number[] = [];
      const slowly = async (operation: Promise<void>): Promise<void> => {
        await operation;
        await nextLook();
        during.push(told);
      };
      disk.remove = (file) => slowly(nodeFileSystem.remove(file));
      disk.rename = (from, to) => slowly(nodeFileSystem.rename(from, to));
      disk.syncFolder = (of) => slowly(nodeFileSystem.syncFolder(of));
      for (const [index, { tokenId, token }] of both.entries()) {
        await store.rotate(tokenId);
        assert.deepEqual(new Set(during), new Set([index]));
        assert.equal(told, index + 1);
        assert.equal(await store.authenticate(token), undefined);
        during.length = 0;
        during.push(told);
      }
    });

    it('tell nobody of what was seen of them at the beginning of a change that fails', async () => {
      const both = await bothShown();
      disk.remove = disk.rename = async () => {
        await nextLook();
        return failWith('EROFS')();
      };
      for (const { tokenId, token } of both) {
        clock.advance(1_000);
        await assert.rejects(store.rotate(tokenId), { reason: 'Unavailable' });
        await nextLook();
        assert.ok(await store.authenticate(token));
      }
      assert.equal(told, 0);
    });

    it('hold as long as nothing of them was changed, and after a change that failed', async () => {
      const both = await bothShown();
      disk.open = async () => {
        for (const { token } of both) assert.ok(await store.authenticate(token));
        await nextLook();
        return failWith('ENOSPC')();
      };
      for (const { tokenId, token } of both) {
        await assert.rejects(store.rotate(tokenId), {
          reason: 'Unavailable',
          message: /Nothing was changed|still holds/,
        });
        await nextLook();
        assert.ok(await store.authenticate(token));
      }
      assert.equal(told, 0);
    });

    it('have ended even where the disk cannot say that this lasts, which is told', async () => {
      const both = await bothShown();
      const revoked = await store.issue({ name: 'another', scope: 'read', hours: 1 });
      disk.syncFolder = failWith('EIO');
      const mayBeBack = { reason: 'Unavailable', message: /EIO.* may be back after a loss of power/ };
      await assert.rejects(store.revoke(revoked.tokenId), mayBeBack);
      assert.equal(await store.authenticate(revoked.token), undefined);
      for (const { tokenId, token } of both) {
        await assert.rejects(store.rotate(tokenId), mayBeBack);
        assert.equal(await store.authenticate(token), undefined);
      }
      assert.equal(told, 2);
      assert.ok(await store.authenticate(await mainToken()));
    });
  });

  it('cannot be revoked where it is the folder’s own or none', async () => {
    await assert.rejects(open().revoke('dataFolder'), { reason: 'Unsupported' });
    await assert.rejects(open().revoke('0123456789abcdef'), { reason: 'NotFound' });
    await assert.rejects(open().rotate('0123456789abcdef'), { reason: 'NotFound' });
  });

  it('end each by itself, where the file of another one hangs', async () => {
    const store = open();
    const { logger, lines } = recordingLogger();
    const other = open(logger);
    const [one, two] = [
      await store.issue({ name: 'one', scope: 'read', hours: 1 }),
      await store.issue({ name: 'two', scope: 'read', hours: 1 }),
    ];
    const ended: string[] = [];
    for (const { token, tokenId } of [one, two]) {
      const bearer = await other.authenticate(token);
      assert.ok(bearer);
      other.watch(bearer, () => ended.push(tokenId));
    }
    // Who opens a pipe to read it waits for somebody who writes.
    const pipe = path.join(folder.path, 'tokens', `${one.tokenId}.json`);
    const whole = readFileSync(pipe);
    rmSync(pipe);
    execFileSync('mkfifo', [pipe]);
    try {
      clock.advance(1_000);
      const refused = assert.rejects(other.authenticate(one.token), { reason: 'Unavailable' });
      await store.revoke(two.tokenId);
      for (let second = 0; second < 3; second++) clock.advance(1_000);
      await waitFor('the end of the one that can be read', () => ended.length > 0);
      clock.advance(5_000);
      await refused;
      for (let second = 0; second < 20; second++) clock.advance(1_000);
      await waitFor('a line in the log', () => lines.some((line) => line.includes('could not be seen')));
      assert.deepEqual(ended, [two.tokenId], 'a disk that does not answer ends nothing');
    } finally {
      writeFileSync(pipe, whole);
    }
    assert.equal(lines.filter((line) => line.includes('could not be seen')).length, 1);
  });

  it('tell everybody of their end, where one of them throws', async () => {
    const { logger, lines } = recordingLogger();
    const store = open(logger);
    const { token, tokenId } = await store.issue({ name: 'one', scope: 'read', hours: 1 });
    const bearer = await store.authenticate(token);
    assert.ok(bearer);
    let told = 0;
    store.watch(bearer, () => assert.fail('on purpose'));
    store.watch(bearer, () => told++);
    await store.revoke(tokenId);
    assert.equal(told, 1);
    assert.ok(lines.some((line) => line.includes('not sent away properly') && line.includes('on purpose')));
  });

  it('do not hold again because they were read while they were revoked', async () => {
    const store = open();
    for (let round = 0; round < 50; round++) {
      const { token, tokenId } = await store.issue({ name: 'one', scope: 'read', hours: 1 });
      const before = store.authenticate(token);
      const revoked = store.revoke(tokenId);
      for (let turn = 0; turn < round % 5; turn++) await Promise.resolve();
      const during = store.authenticate(token);
      await revoked;
      assert.equal(await store.authenticate(token), undefined, 'from the moment on at which that is answered');
      const shown = (await before) ?? (await during);
      let told = 0;
      if (shown) store.watch(shown, () => told++).dispose();
      assert.equal(told, shown ? 1 : 0, 'who was let in meanwhile is told at once');
      assert.equal(await store.authenticate(token), undefined);
    }
  });

  it('do not hold in this server from the moment on at which their end is asked for', async () => {
    const store = open();
    const { token, tokenId } = await store.issue({ name: 'one', scope: 'read', hours: 1 });
    // Nothing but a whole file is read.
    const file = path.join(folder.path, 'tokens', `${tokenId}.json`);
    const whole = readFileSync(file);
    await store.revoke(tokenId);
    // As a read sees it that was begun before.
    writeFileSync(file, whole);
    assert.equal(await store.authenticate(token), undefined);
    assert.ok(await open().authenticate(token), 'the file itself is in order');
  });

  it('are hidden from what is written down as soon as the folder’s own is made or rotated, by whomever', async () => {
    const [store, other] = [open(), open()];
    await store.open();
    const first = await mainToken();
    assert.deepEqual(hidden.values, [first]);
    await store.rotate('dataFolder');
    assert.deepEqual(hidden.values, [first, await mainToken()]);
    const bearer = await store.authenticate(await mainToken());
    assert.ok(bearer);
    hidden = new HiddenValues();
    const watching = open();
    watching.watch(bearer, () => undefined);
    await other.rotate('dataFolder');
    clock.advance(1_000);
    const rotated = await mainToken();
    await waitFor('the server to notice', () => hidden.values.includes(rotated));
  });
});
