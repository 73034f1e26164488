import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { readFile } from 'node:fs/promises';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { waitFor } from '../../../support/waitFor.ts';

describe('The tokens of a data folder', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let clock: FakeClock;
  const stores: TokenStore[] = [];

  beforeEach(() => {
    folder = temporaryFolder();
    clock = new FakeClock();
  });
  afterEach(() => {
    for (const store of stores.splice(0)) store.dispose();
    folder.remove();
  });

  /** As another process has it. */
  function open(): TokenStore {
    const store = new TokenStore({ dataFolder: folder.path, clock, logger: recordingLogger().logger });
    stores.push(store);
    return store;
  }
  const mainToken = async (): Promise<string> => (await readFile(path.join(folder.path, 'token'), 'utf8')).trim();

  it('let the folder’s own do everything', async () => {
    const store = open();
    await store.authenticate('');
    const bearer = await store.authenticate(await mainToken());
    assert.deepEqual([bearer?.tokenId, bearer?.scope], ['dataFolder', 'admin']);
  });

  it('let one that was made do what it was made for, until its hour', async () => {
    const store = open();
    const { tokenId, token, expiresAt } = await store.issue({ name: 'CI', scope: 'read', hours: 1 });
    assert.equal(expiresAt, clock.now() + 3_600_000);
    const { digest, ...bearer } = (await store.authenticate(token)) ?? { digest: '' };
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(bearer, { tokenId, name: 'CI', scope: 'read' });
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

  it('cannot be revoked where it is the folder’s own or none', async () => {
    await assert.rejects(open().revoke('dataFolder'), { reason: 'Unsupported' });
    await assert.rejects(open().revoke('0123456789abcdef'), { reason: 'NotFound' });
    await assert.rejects(open().rotate('0123456789abcdef'), { reason: 'NotFound' });
  });
});
