import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { readSettings } from '../../../../server/protocol/settings.ts';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import { createProcessTable } from '../../../../server/src/base/processTable.ts';
import { AuditRetention } from '../../../../server/src/security/audit/auditRetention.ts';
import type { AuditService } from '../../../../server/src/security/audit/auditService.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { FaultyFileSystem } from '../../../support/faultyFileSystem.ts';
import { AuditFixture, command } from './auditFixture.ts';

const dayMs = 24 * 60 * 60_000;

describe('Old files of the audit log', () => {
  let audit: AuditFixture;
  let clock: FakeClock;
  let retention: AuditRetention | undefined;

  beforeEach(() => {
    audit = new AuditFixture();
    clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  });

  afterEach(async () => {
    retention?.dispose();
    await audit.remove();
  });

  function retentionOf(service: AuditService, days = 30): AuditRetention {
    const { settings } = readSettings({ 'audit.retentionDays': days });
    const { folder, logger } = audit;
    const parts = { folder, service, clock, logger, fileSystem: nodeFileSystem, processes: createProcessTable() };
    return (retention = new AuditRetention({ ...parts, settings: { get: (key) => settings[key] } }));
  }

  it('go by themselves after the days that the setting says, and the rest still holds', async () => {
    const [first = ''] = await audit.written(2, { clock });
    clock.advance(20 * dayMs);
    const [second = ''] = await audit.written(2, { clock });
    clock.advance(15 * dayMs);
    const service = audit.server({ clock });
    await service.record(command('now'));
    retentionOf(service);
    clock.advance(60_000);
    await waitFor('the first to go', () => !audit.list('anchors').includes(first));
    assert.ok(!audit.chains().includes(first));
    assert.ok(audit.chains().includes(second));
    const deleted = audit.records(audit.chains().at(-1) ?? '').find(({ kind }) => kind === 'audit.deleted');
    assert.equal(deleted?.details['reason'], 'retention');
    assert.equal((await audit.verify()).firstBad, undefined);
    await waitFor('the second to go', () => {
      clock.advance(dayMs);
      return !audit.list('anchors').includes(second);
    });
    assert.equal((await audit.verify()).firstBad, undefined);
  });

  it('stay where the setting is 0', async () => {
    const [first = ''] = await audit.written(1, { clock });
    clock.advance(1_000 * dayMs);
    const service = audit.server({ clock });
    await service.record(command('now'));
    retentionOf(service, 0);
    clock.advance(3 * dayMs);
    await service.record(command('later'));
    assert.ok(audit.chains().includes(first));
  });

  it('go in several generations, and the records of that with them, and what is left holds', async () => {
    for (let month = 0; month < 5; month += 1) {
      const service = audit.server({ clock, maxFileBytes: 1_500 });
      for (let index = 0; index < 4; index += 1) await service.record(command(`echo ${index}`));
      await retentionOf(service).delete(clock.now() - 40 * dayMs, 'person');
      retention?.dispose();
      await service.dispose();
      assert.equal((await audit.verify()).firstBad, undefined, `month ${month}`);
      clock.advance(30 * dayMs);
    }
    const oldest = audit.chains()[0] ?? '';
    assert.ok(oldest > '20260301', oldest);
  });

  it('never include one that is still written, by this server or another', async () => {
    const other = audit.server({ clock });
    await other.record(command('by another'));
    const service = audit.server({ clock });
    await service.record(command('by this one'));
    clock.advance(dayMs);
    const { files } = await retentionOf(service).delete(clock.now(), 'person');
    assert.equal(files, 0);
    assert.equal(audit.chains().length, 2);
  });

  it('leave those that come later under watch, however far ahead the time was that somebody gave', async () => {
    await audit.written(1, { clock });
    clock.advance(dayMs);
    const service = audit.server({ clock });
    await retentionOf(service).delete(clock.now() + 1_000 * dayMs, 'person');
    clock.advance(dayMs);
    const [later = ''] = await audit.written(1, { clock });
    clock.advance(dayMs);
    await audit.written(1, { clock });
    assert.equal((await audit.verify()).firstBad, undefined);
    rmSync(audit.path(later));
    rmSync(audit.path(`anchors/${later}`));
    assert.deepEqual((await audit.verify()).firstBad?.file, later);
  });

  it('are missed where others took away what no deletion has named, however old it was', async () => {
    const long = audit.server({ clock });
    await long.record(command('echo first'));
    const [name = ''] = audit.chains();
    for (let count = 0; count < 3; count += 1) await audit.written(1, { clock });
    clock.advance(7 * dayMs);
    await long.record(command('echo evidence'));
    await long.dispose();
    clock.advance(dayMs);
    const service = audit.server({ clock });
    assert.deepEqual(await retentionOf(service).delete(clock.now() - 3 * dayMs, 'person'), { files: 3 });
    assert.equal((await audit.verify()).firstBad, undefined);
    rmSync(audit.path(name));
    rmSync(audit.path(`anchors/${name}`));
    assert.deepEqual((await audit.verify()).firstBad?.file, name);
  });

  it('are named again where the record of their deletion goes and others still speak of them', async () => {
    const [old = ''] = await audit.written(1, { clock });
    clock.advance(dayMs);
    const long = audit.server({ clock });
    await long.record(command('echo speaks of the old one'));
    clock.advance(dayMs);
    const between = audit.server({ clock });
    await retentionOf(between).delete(clock.now() - dayMs - 1, 'person');
    await between.dispose();
    assert.ok(!audit.chains().includes(old));
    clock.advance(dayMs);
    await long.record(command('echo so that it stays'));
    const service = audit.server({ clock });
    assert.deepEqual(await retentionOf(service).delete(clock.now() - 1, 'person'), { files: 1 });
    assert.equal((await audit.verify()).firstBad, undefined);
    const deletions = audit.records(audit.chains().at(-1) ?? '').filter(({ kind }) => kind === 'audit.deleted');
    const named = deletions.flatMap(({ details }) => details['files'] as { file: string }[]).map(({ file }) => file);
    assert.ok(named.includes(old));
    await long.dispose();
  });

  it('stay where their deletion cannot be recorded', async () => {
    const [first = ''] = await audit.written(1, { clock });
    clock.advance(dayMs);
    const disk = new FaultyFileSystem();
    disk.judge = (operation) => (operation === 'write' ? 'EROFS' : undefined);
    const service = audit.server({ clock, fileSystem: disk.fileSystem });
    await assert.rejects(retentionOf(service).delete(clock.now(), 'person'), /EROFS/);
    assert.ok(audit.chains().includes(first));
    disk.mend();
  });
});
