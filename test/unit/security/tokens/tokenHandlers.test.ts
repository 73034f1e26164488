import assert from 'node:assert/strict';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import type { RequestContext } from '../../../../server/src/base/handlers.ts';
import { HiddenValues } from '../../../../server/src/base/hiddenValues.ts';
import { createTokenHandlers } from '../../../../server/src/security/tokens/tokenHandlers.ts';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { RecordedAudit } from '../../../support/recordedAudit.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { TestClient } from '../../../support/testClient.ts';
import { waitFor } from '../../../support/waitFor.ts';

describe('What the audit log is told of tokens', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let audit: RecordedAudit;
  let tokens: TokenStore;
  let handlers: ReturnType<typeof createTokenHandlers>;
  const context: RequestContext = {
    client: new TestClient(),
    signal: new AbortController().signal,
    correlationId: 'i-1',
  };
  const wanted = { name: 'CI', scope: 'read', hours: 1 } as const;

  beforeEach(() => {
    folder = temporaryFolder();
    audit = new RecordedAudit();
    const { logger } = recordingLogger();
    tokens = new TokenStore({
      dataFolder: folder.path,
      hidden: new HiddenValues(),
      fileSystem: nodeFileSystem,
      clock: new FakeClock(),
      logger,
      onRepaired: () => undefined,
    });
    handlers = createTokenHandlers(tokens, {
      record: (event) => audit.record({ details: {}, ...event }),
      tell: (event) => audit.tell({ details: {}, ...event }),
    });
  });
  afterEach(() => {
    tokens.dispose();
    folder.remove();
  });

  it('is the id of the one that is made, and never the token', async () => {
    const { tokenId, token } = await handlers['security/issue'](wanted, context);
    assert.deepEqual(audit.events, [{ kind: 'token.changed', outcome: 'issued', details: { ...wanted, tokenId } }]);
    assert.equal(JSON.stringify(audit.events).includes(token), false);
  });

  it('is the id of the one that takes the place of another', async () => {
    const former = await handlers['security/issue'](wanted, context);
    const next = await handlers['security/rotate']({ tokenId: former.tokenId }, context);
    assert.notEqual(next.tokenId, former.tokenId);
    assert.deepEqual(audit.events.at(-1), {
      kind: 'token.changed',
      outcome: 'rotated',
      details: { tokenId: former.tokenId, newTokenId: next.tokenId },
    });
    await handlers['security/rotate']({ tokenId: 'dataFolder' }, context);
    assert.deepEqual(audit.events.at(-1)?.details, { tokenId: 'dataFolder', newTokenId: 'dataFolder' });
  });

  it('is of none that outlasts the one with which it was made or rotated', async () => {
    const admin = await handlers['security/issue']({ name: 'helper', scope: 'admin', hours: 1 }, context);
    const longer = await handlers['security/issue']({ ...wanted, hours: 100 }, context);
    const byAdmin = { ...context, client: new TestClient('http', admin.tokenId) };
    const made = await handlers['security/issue']({ ...wanted, hours: 8_784 }, byAdmin);
    assert.equal(made.expiresAt, admin.expiresAt);
    const shorter = await handlers['security/issue']({ ...wanted, hours: 0.5 }, byAdmin);
    assert.ok((shorter.expiresAt ?? Infinity) < (admin.expiresAt ?? 0));
    const rotated = await handlers['security/rotate']({ tokenId: longer.tokenId }, byAdmin);
    assert.equal(rotated.expiresAt, admin.expiresAt);
    const own = await handlers['security/rotate']({ tokenId: admin.tokenId }, byAdmin);
    assert.equal(own.expiresAt, admin.expiresAt);
    const byOwner = { ...context, client: new TestClient('http', 'dataFolder') };
    const free = await handlers['security/issue']({ ...wanted, hours: 100 }, byOwner);
    assert.equal(free.expiresAt, longer.expiresAt);
  });

  it('is nothing where nothing can be done: of an unknown token, the folder’s own, one too many', async () => {
    const unknown = { tokenId: '0123456789abcdef' };
    const refused = async (change: () => unknown, reason: string): Promise<void> => {
      const before = audit.events.length;
      await assert.rejects(
        async () => {
          await change();
        },
        { reason },
      );
      assert.equal(audit.events.length, before, reason);
    };
    await refused(() => handlers['security/revoke']({ tokenId: 'dataFolder' }, context), 'Unsupported');
    await refused(() => handlers['security/revoke'](unknown, context), 'NotFound');
    await refused(() => handlers['security/rotate'](unknown, context), 'NotFound');
    for (let count = 0; count < 100; count += 1) await tokens.issue(wanted);
    await refused(() => handlers['security/issue'](wanted, context), 'ResourceLimit');
  });

  it('comes first: nothing is made, replaced or ended where it cannot be recorded', async () => {
    const { tokenId, token } = await handlers['security/issue'](wanted, context);
    audit.refusal = new Error('The disk is full');
    for (const change of [
      () => handlers['security/issue'](wanted, context),
      () => handlers['security/rotate']({ tokenId }, context),
      () => handlers['security/revoke']({ tokenId }, context),
    ]) {
      await assert.rejects(async () => change(), audit.refusal);
    }
    assert.deepEqual(
      (await tokens.list()).map((one) => one.tokenId),
      ['dataFolder', tokenId],
    );
    assert.ok(await tokens.authenticate(token));
  });

  it('is followed by another record where what it tells of then does not happen', async () => {
    const { tokenId } = await handlers['security/issue'](wanted, context);
    // As another process that is quicker, while the record is written.
    audit.meanwhile = () => tokens.revoke(tokenId);
    await assert.rejects(async () => handlers['security/rotate']({ tokenId }, context), { reason: 'NotFound' });
    audit.meanwhile = undefined;
    const [told, failed] = audit.events.slice(-2);
    assert.equal(told?.outcome, 'rotated');
    assert.deepEqual(failed, {
      kind: 'token.changed',
      outcome: 'failed',
      details: { ...told.details, what: 'rotated', why: 'NotFound' },
    });
    assert.deepEqual(
      (await tokens.list()).map((one) => one.tokenId),
      ['dataFolder'],
    );
  });

  it('is that nothing came of it where whoever asked has gone while it was recorded', async () => {
    const gone = new AbortController();
    audit.meanwhile = () => {
      gone.abort();
      return Promise.resolve();
    };
    await assert.rejects(async () => handlers['security/issue'](wanted, { ...context, signal: gone.signal }));
    assert.deepEqual(
      audit.events.map(({ outcome }) => outcome),
      ['issued', 'failed'],
    );
    assert.equal((await tokens.list()).length, 1);
  });

  it('is one change after another: of many at once with one token a single one happens', async () => {
    // The disk of the log is slow, so that all have come before the first goes on.
    audit.meanwhile = () => new Promise((resolve) => setImmediate(resolve));
    for (const rotations of [1, 11]) {
      const { tokenId } = await handlers['security/issue'](wanted, context);
      const before = audit.events.length;
      const asked = Array.from({ length: rotations }, async () => handlers['security/rotate']({ tokenId }, context));
      const revoking = (async () => handlers['security/revoke']({ tokenId }, context))();
      const settled = await Promise.allSettled([...asked, revoking]);
      const done = settled.filter(({ status }) => status === 'fulfilled');
      assert.equal(done.length, 1);
      for (const one of settled) {
        if (one.status === 'rejected') assert.equal((one.reason as { reason?: string }).reason, 'NotFound');
      }
      assert.equal(audit.events.length, before + 1, 'no record tells of those that did not happen');
      const held = (await tokens.list()).filter((one) => one.tokenId !== 'dataFolder');
      assert.equal(held.length, 1, 'the one in its place');
      await tokens.revoke(held[0]?.tokenId ?? '');
    }
  });

  it('is never of more than a hundred, however many are asked for at once', async () => {
    audit.meanwhile = () => new Promise((resolve) => setImmediate(resolve));
    const asked = Array.from({ length: 144 }, async () => handlers['security/issue'](wanted, context));
    const settled = await Promise.allSettled(asked);
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 100);
    assert.equal((await tokens.list()).length, 101);
    assert.equal(audit.events.length, 100);
  });

  it('waits for its turn only so long as there is room to wait, and its asker stays', async () => {
    const { promise: slow, resolve } = Promise.withResolvers<undefined>();
    audit.meanwhile = () => slow;
    const gone = new AbortController();
    const first = (async () => handlers['security/issue'](wanted, context))();
    await waitFor('the first to be recorded', () => audit.events.length === 1);
    const left = (async () => handlers['security/issue'](wanted, { ...context, signal: gone.signal }))();
    const others = Array.from({ length: 200 }, async () => handlers['security/revoke']({ tokenId: 'none' }, context));
    const settled = Promise.allSettled(others);
    gone.abort();
    const leaving = assert.rejects(left, { name: 'AbortError' });
    resolve(undefined);
    await first;
    await leaving;
    const reasons = (await settled).map((one) =>
      one.status === 'rejected' ? (one.reason as { reason?: string }).reason : '',
    );
    assert.equal(reasons.filter((reason) => reason === 'NotFound').length, 199);
    assert.equal(reasons.at(-1), 'ResourceLimit');
    assert.equal(audit.events.length, 1);
  });
});
