import assert from 'node:assert/strict';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import { Flights } from '../../../../server/src/base/flights.ts';
import type { RequestContext } from '../../../../server/src/base/handlers.ts';
import { createAuditHandlers } from '../../../../server/src/security/audit/auditHandlers.ts';
import type { AuditVerdict } from '../../../../server/src/security/audit/auditVerifier.ts';
import { TestClient } from '../../../support/testClient.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { AuditFixture } from './auditFixture.ts';

describe('Verifying the audit log for many at once', () => {
  let audit: AuditFixture;
  let chain: string;
  /** How often the chain's file was opened. */
  let reads: number;
  let held: PromiseWithResolvers<undefined>;
  let verifications: Flights<AuditVerdict>;
  let verify: (signal?: AbortSignal) => Promise<{ readonly intact: boolean }>;

  beforeEach(async () => {
    audit = new AuditFixture();
    [chain = ''] = await audit.written(3);
    reads = 0;
    held = Promise.withResolvers();
    verifications = new Flights();
    const open: typeof nodeFileSystem.open = async (file, mode) => {
      if (file === audit.path(chain)) {
        reads += 1;
        await held.promise;
      }
      return nodeFileSystem.open(file, mode);
    };
    const { 'audit/verify': handler } = createAuditHandlers({
      folder: audit.folder,
      fileSystem: { ...nodeFileSystem, open },
      retention: { delete: () => assert.fail('nothing is deleted') },
      verifications,
    });
    verify = async (signal = new AbortController().signal) => {
      const context: RequestContext = { client: new TestClient(), signal, correlationId: 'i-1' };
      return handler({}, context);
    };
  });
  afterEach(() => {
    assert.equal(verifications.size, 0);
    return audit.remove();
  });

  it('reads it once for all of them, and anew for who asks when they have their answer', async () => {
    const asked = Array.from({ length: 200 }, () => verify());
    await waitFor('the log to be read', () => reads > 0);
    held.resolve(undefined);
    const verdicts = await Promise.all(asked);
    const once = reads;
    assert.equal(verdicts.length, 200);
    assert.ok(verdicts.every(({ intact }) => intact));
    const lines = audit.linesOf(chain);
    audit.write(chain, [...lines.slice(0, 1), ...lines.slice(2)].join('\n') + '\n');
    assert.equal((await verify()).intact, false);
    assert.equal(reads, once * 2);
  });

  it('goes on for those who stay, and ends when all have gone', async () => {
    const [leaving, staying] = [new AbortController(), new AbortController()];
    const left = verify(leaving.signal);
    const stayed = verify(staying.signal);
    await waitFor('the log to be read', () => reads > 0);
    leaving.abort();
    await assert.rejects(left, { name: 'AbortError' });
    assert.equal(verifications.size, 1);
    staying.abort();
    await assert.rejects(stayed, { name: 'AbortError' });
    assert.equal(verifications.size, 0);
    held.resolve(undefined);
    assert.equal((await verify()).intact, true);
  });
});
