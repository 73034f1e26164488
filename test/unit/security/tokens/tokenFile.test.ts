import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { ensureTokenFile } from '../../../../server/src/security/tokens/tokenFile.ts';
import { openFilesUnder } from '../../../support/openFiles.ts';

describe('token file', () => {
  let base: string;
  let folder: string;
  let file: string;
  beforeEach(() => {
    base = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), 'aida token-'));
    folder = path.join(base, 'a', 'data');
    file = path.join(folder, 'token');
  });
  afterEach(() => {
    assert.deepEqual(openFilesUnder(base), []);
    fs.rmSync(base, { recursive: true, force: true });
  });
  const modeOf = (name: string): number => fs.statSync(name).mode & 0o777;

  it('makes a token of 256 bits for its owner alone, and reads the same one afterwards', async () => {
    const first = await ensureTokenFile(folder);
    assert.equal(Buffer.from(first.token, 'base64url').byteLength, 32);
    assert.deepEqual([modeOf(file), modeOf(folder), first.repairs, first.path], [0o600, 0o700, [], file]);
    assert.deepEqual(await ensureTokenFile(folder), first);
    assert.deepEqual(fs.readdirSync(folder), ['token']);
  });

  it('gives one token to many who ask at once', async () => {
    const files = await Promise.all(Array.from({ length: 20 }, () => ensureTokenFile(folder)));
    assert.equal(new Set(files.map(({ token }) => token)).size, 1);
    assert.deepEqual(fs.readdirSync(folder), ['token']);
  });

  it('replaces a token that others could read, and says so', async () => {
    for (const mode of [0o640, 0o604, 0o666, 0o660]) {
      const { token } = await ensureTokenFile(folder);
      fs.chmodSync(file, mode);
      const next = await ensureTokenFile(folder);
      assert.notEqual(next.token, token);
      assert.match(next.repairs.join(), /Other users could read the token/);
      assert.equal(modeOf(file), 0o600);
    }
  });

  it('closes a folder that others could look into, and says so', async () => {
    const { token } = await ensureTokenFile(folder);
    fs.chmodSync(folder, 0o755);
    const again = await ensureTokenFile(folder);
    assert.deepEqual([again.token, modeOf(folder)], [token, 0o700]);
    assert.match(again.repairs.join(), /look into the data folder/);
  });

  it('replaces a file that holds no token, and a link, without touching where it leads', async () => {
    await ensureTokenFile(folder);
    for (const content of ['', 'short', 'x'.repeat(10_000), '!'.repeat(43)]) {
      fs.writeFileSync(file, content);
      const { repairs } = await ensureTokenFile(folder);
      assert.match(repairs.join(), /held no token/);
    }
    const elsewhere = path.join(base, 'elsewhere');
    fs.writeFileSync(elsewhere, `${'a'.repeat(43)}\n`, { mode: 0o600 });
    fs.rmSync(file);
    fs.symlinkSync(elsewhere, file);
    const { token, repairs } = await ensureTokenFile(folder);
    assert.notEqual(token, 'a'.repeat(43));
    assert.match(repairs.join(), /link/);
    assert.equal(fs.readFileSync(elsewhere, 'utf8'), `${'a'.repeat(43)}\n`);
  });

  it('replaces a token file of another user, and refuses a folder of one', async function () {
    if (process.geteuid?.() !== 0) this.skip();
    await ensureTokenFile(folder);
    fs.chownSync(file, 65_534, 65_534);
    assert.match((await ensureTokenFile(folder)).repairs.join(), /belonged to another user/);
    assert.equal(fs.statSync(file).uid, 0);
    fs.chownSync(folder, 65_534, 65_534);
    await assert.rejects(ensureTokenFile(folder), { reason: 'Unavailable', message: /another user/ });
  });

  it('says what is wrong when there can be no folder', async () => {
    fs.writeFileSync(path.join(base, 'a'), '');
    await assert.rejects(ensureTokenFile(folder), { reason: 'Unavailable', message: /ENOTDIR.*data folder/ });
  });
});
