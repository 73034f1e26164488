import assert from 'node:assert/strict';
import type { RequestContext } from '../../../../server/src/base/handlers.ts';
import { HiddenValues } from '../../../../server/src/base/hiddenValues.ts';
import { createTokenHandlers } from '../../../../server/src/security/tokens/tokenHandlers.ts';
import { TokenStore } from '../../../../server/src/security/tokens/tokenStore.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { RecordedAudit } from '../../../support/recordedAudit.ts';
import { recordingLogger } from '../../../support/recordingLogger.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';
import { TestClient } from '../../../support/testClient.ts';

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
      clock: new FakeClock(),
      logger,
    });
    handlers = createTokenHandlers(tokens, { record: (event) => audit.record({ details: {}, ...event }) });
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
});
