import assert from 'node:assert/strict';
import fc from 'fast-check';
import { audit as contractOfAudit } from '../../../../server/protocol/audit.ts';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import { queryAudit } from '../../../../server/src/security/audit/auditQuery.ts';
import { readLines, readLinesBackwards } from '../../../../server/src/security/audit/fileLines.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { AuditFixture, command } from './auditFixture.ts';

describe('A query of the audit log', () => {
  let audit: AuditFixture;

  beforeEach(() => {
    audit = new AuditFixture();
  });

  afterEach(() => audit.remove());

  function query(params: object) {
    const { folder } = audit;
    const parsed = contractOfAudit['audit/query'].params.parse(params);
    return queryAudit({ folder, fileSystem: nodeFileSystem }, parsed, new AbortController().signal);
  }

  it('gives nothing where nothing was ever recorded', async () => {
    assert.deepEqual(await query({}), { records: [], next: null });
  });

  it('gives every record once, page by page, the last first', async () => {
    await audit.written(25, { maxFileBytes: 2_000 });
    const seen: number[] = [];
    let before: string | undefined;
    do {
      const page = await query({ limit: 7, ...(before !== undefined && { before }) });
      assert.ok(page.records.length <= 7);
      seen.push(...page.records.map(({ sequence }) => sequence));
      before = page.next ?? undefined;
    } while (before !== undefined);
    assert.deepEqual(
      seen,
      Array.from({ length: seen.length }, (_, index) => seen.length - index),
    );
    assert.ok(seen.length > 25);
  });

  it('finds by time, kind and actor', async () => {
    const clock = new FakeClock(Date.parse('2026-03-01T00:00:00Z'));
    const service = audit.server({ clock });
    for (let day = 1; day <= 5; day += 1) {
      await service.record(command(`day ${day}`));
      await service.record({ kind: 'terminal.created', agent: { conversationId: `c${day}` } });
      clock.advance(24 * 60 * 60_000);
    }
    const texts = async (params: object): Promise<unknown[]> =>
      (await query(params)).records.map(({ kind, details }) => details['commandLine'] ?? kind);
    assert.deepEqual(await texts({ kind: 'command.run', from: '2026-03-02T00:00:00Z', to: '2026-03-03T00:00:00Z' }), [
      'day 3',
      'day 2',
    ]);
    assert.deepEqual(await texts({ actor: 'c4' }), ['terminal.created']);
    assert.deepEqual(await texts({ actor: 'nobody' }), []);
    await assert.rejects(query({ before: '../../etc/passwd@1' }), /earlier page/);
  });

  it('takes days for times, each of them whole, as they are where the server runs', async () => {
    const noon = new Date('2026-03-01T12:00:00');
    const clock = new FakeClock(noon.getTime());
    const service = audit.server({ clock });
    for (let day = 1; day <= 4; day += 1) {
      await service.record(command(`noon of ${day}`));
      // To the last millisecond of the day, which is still one of it.
      clock.advance(12 * 60 * 60_000 - 1);
      await service.record(command(`end of ${day}`));
      clock.advance(12 * 60 * 60_000 + 1);
    }
    const { records } = await query({ kind: 'command.run', from: '2026-03-02', to: '2026-03-03' });
    assert.deepEqual(
      records.map(({ details }) => details['commandLine']),
      ['end of 3', 'noon of 3', 'end of 2', 'noon of 2'],
    );
  });

  it('reads lines the same forwards and backwards, whatever a file holds', async () => {
    const text = fc.array(fc.oneof(fc.string({ maxLength: 40 }), fc.constant('x'.repeat(70_000)), fc.constant('')), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(text, async (parts) => {
        const data = Buffer.from(parts.join('\n'));
        const file = {
          read: (into: Uint8Array, position: number) =>
            Promise.resolve(data.copy(into, 0, position, Math.min(data.length, position + 10_000))),
        };
        const options = { end: data.length, maxBytes: 1_000_000 };
        const forwards: string[] = [];
        for await (const line of readLines(file, options)) if (line.isWhole) forwards.push(line.bytes.toString());
        const backwards: string[] = [];
        for await (const line of readLinesBackwards(file, options)) backwards.push(line.bytes.toString());
        assert.deepEqual(backwards.reverse(), forwards);
        assert.deepEqual(forwards, data.toString().split('\n').slice(0, -1));
      }),
      { numRuns: 60 },
    );
  });

  it('passes over what is damaged, which is for a verification to tell', async () => {
    const [file = ''] = await audit.written(3);
    audit.write(file, audit.read(file).toString().replace('echo 1', 'echo "'));
    assert.equal((await query({ kind: 'command.run' })).records.length, 2);
  });
});
