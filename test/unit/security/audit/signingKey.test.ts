import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { loadSigningKey, readPublicKey, readPublicKeys } from '../../../../server/src/security/audit/signingKey.ts';
import type { SecretStore } from '../../../../server/src/security/audit/ports.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { noEditor } from './auditFixture.ts';

describe('The key of the audit log', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let clock: FakeClock;

  beforeEach(() => {
    folder = temporaryFolder();
    clock = new FakeClock();
  });

  afterEach(() => {
    assert.equal(clock.pending, 0, 'no timer is left');
    folder.remove();
  });

  const load = (secrets: SecretStore = noEditor) =>
    loadSigningKey({ folder: folder.path, secrets, clock, logger: recordingLogger().logger });
  const file = (): string => path.join(folder.path, 'signingKey.pem');

  it('is made once, for its owner alone, and its public half verifies anywhere', async () => {
    const [one, other] = await Promise.all([load(), load()]);
    assert.equal(one.publicKey, other.publicKey);
    assert.equal((await load()).publicKey, one.publicKey);
    assert.equal(one.keptBy, 'file');
    if (process.platform !== 'win32') assert.equal(statSync(file()).mode & 0o777, 0o600);
    const [pem = '', ...more] = readdirSync(path.join(folder.path, 'publicKeys'));
    assert.deepEqual(more, []);
    const key = createPublicKey(readFileSync(path.join(folder.path, 'publicKeys', pem)));
    assert.ok(verify(null, Buffer.from('text'), key, Buffer.from(one.sign('text'), 'base64')));
    assert.deepEqual([...(await readPublicKeys(folder.path)).values()], [one.publicKey]);
    assert.deepEqual(readdirSync(folder.path).sort(), ['publicKeys', 'signingKey.pem']);
  });

  it('is replaced where others could have read it, where it is a link, and where it is none', async () => {
    const spoil: (() => void)[] = [
      () => chmodSync(file(), 0o644),
      () => writeFileSync(file(), 'no key'),
      () => {
        unlinkSync(file());
        symlinkSync('/etc/hostname', file());
      },
    ];
    let { publicKey } = await load();
    for (const one of spoil) {
      one();
      const next = await load();
      assert.notEqual(next.publicKey, publicKey);
      publicKey = next.publicKey;
    }
    // What the former ones have signed can still be verified.
    assert.equal((await readPublicKeys(folder.path)).size, 4);
  });

  it('is kept by an editor where one is attached, and by it alone', async () => {
    const kept = new Map<string, string>();
    const editor: SecretStore = {
      canKeep: true,
      get: (name) => Promise.resolve(kept.get(name) ?? null),
      set: (name, value) => {
        kept.set(name, value);
        return Promise.resolve();
      },
    };
    const first = await load(editor);
    assert.equal(first.keptBy, 'editor');
    assert.equal((await load(editor)).publicKey, first.publicKey);
    assert.deepEqual(readdirSync(folder.path), ['publicKeys']);
  });

  it('comes from the file where the editor fails, or gives no answer within three seconds', async () => {
    const failing: SecretStore = { ...noEditor, canKeep: true, get: () => Promise.reject(new Error('locked')) };
    assert.equal((await load(failing)).keptBy, 'file');
    const silent: SecretStore = { ...noEditor, canKeep: true, get: () => new Promise(() => undefined) };
    const loading = load(silent);
    await waitFor('the limit to run', () => clock.pending === 1);
    clock.advance(3_000);
    assert.equal((await loading).keptBy, 'file');
  });

  it('is never read from what is no public key, or from a file that is named after another', async () => {
    assert.equal(readPublicKey('nonsense'), undefined);
    await load();
    assert.equal(readPublicKey(readFileSync(file(), 'utf8')), undefined, 'a private key is none');
    const [pem = ''] = readdirSync(path.join(folder.path, 'publicKeys'));
    const content = readFileSync(path.join(folder.path, 'publicKeys', pem));
    writeFileSync(path.join(folder.path, 'publicKeys', `${'0'.repeat(32)}.pem`), content);
    assert.equal((await readPublicKeys(folder.path)).size, 1);
  });
});
