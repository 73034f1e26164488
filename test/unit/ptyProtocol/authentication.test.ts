import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import {
  createNonce,
  createProof,
  isNonceOrProof,
  isSameProof,
  loadOrCreateToken,
  readToken,
} from '../../../server/src/ptyProtocol/authentication.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('The proof of knowing the token', () => {
  const token = Buffer.alloc(32, 7);
  const nonces = { client: 'a'.repeat(64), host: 'b'.repeat(64) };

  it('is the same bytes for ever, because old hosts and new servers meet', () => {
    assert.equal(
      createProof(token, 'client', nonces),
      'a4becb41eb9ce03e5e63e77e18111bf69e61ae349bff8dda73d4e18158f33f28',
    );
    assert.equal(
      createProof(token, 'host', nonces),
      'b218d35e408787bf18cfcf36adce5db398a4a85b89fd7e62948f0cfa08630f22',
    );
  });

  it('differs by token, by side and by each nonce, so that none can be used again elsewhere', () => {
    const proofs = [
      createProof(token, 'client', nonces),
      createProof(token, 'host', nonces),
      createProof(Buffer.alloc(32, 8), 'client', nonces),
      createProof(token, 'client', { ...nonces, client: createNonce() }),
      createProof(token, 'client', { ...nonces, host: createNonce() }),
      createProof(token, 'client', { client: nonces.host, host: nonces.client }),
    ];
    assert.equal(new Set(proofs).size, proofs.length);
    assert.ok(proofs.every(isNonceOrProof));
    assert.ok(isSameProof(proofs[0]!, createProof(token, 'client', nonces)));
    assert.ok(!isSameProof(proofs[0]!, proofs[1]!));
  });

  it('accepts as a nonce 64 hex digits and nothing else', () => {
    for (const value of ['', 'a'.repeat(63), 'A'.repeat(64), 'g'.repeat(64), 1, null, undefined, {}]) {
      assert.ok(!isNonceOrProof(value), JSON.stringify(value));
    }
  });
});

describe('The token file', () => {
  const folder = temporaryFolder();
  const file = path.join(folder.path, 'token');
  after(() => folder.remove());

  it('is made once, privately, although twenty ask for it at the same time', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateToken(file)));
    assert.equal(new Set(tokens.map((token) => token.toString('hex'))).size, 1);
    assert.equal(tokens[0]!.length, 32);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder.path), ['token']);
  });

  it('is refused with a way out when others can read it, or when it is damaged', async () => {
    chmodSync(file, 0o644);
    await assert.rejects(loadOrCreateToken(file), /not private to this user; delete it/);
    chmodSync(file, 0o600);
    writeFileSync(file, 'short');
    await assert.rejects(loadOrCreateToken(file), /is damaged.*Delete it/);
    assert.equal(readToken(path.join(folder.path, 'none')), undefined);
  });
});
