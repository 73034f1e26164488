import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openFilesUnder } from '../../../support/openFiles.ts';
import { AuditFixture, command } from './auditFixture.ts';

describe('The audit log whose files are taken away under a running server', () => {
  let audit: AuditFixture;

  beforeEach(() => {
    audit = new AuditFixture();
  });
  afterEach(async () => {
    await audit.close();
    assert.deepEqual(openFilesUnder(path.dirname(audit.folder)), []);
    await audit.remove();
  });

  const commandsIn = (name: string) =>
    audit.records(name).flatMap(({ kind, details }) => (kind === 'command.run' ? [details['commandLine']] : []));

  for (const [what, takeAway] of [
    ['the whole folder is moved', () => fs.renameSync(audit.folder, `${audit.folder}.old`)],
    ['its file is deleted', () => fs.rmSync(audit.path(audit.chains()[0] ?? ''))],
    ['an earlier copy is put in its place', () => replace(audit.path(audit.chains()[0] ?? ''))],
    ['its signatures are deleted', () => fs.rmSync(audit.path(`anchors/${audit.chains()[0] ?? ''}`))],
  ] as const) {
    it(`goes on in a file that can be found when ${what}, says what is missing, and does not verify`, async () => {
      const service = audit.server();
      await service.record(command('echo before'));
      const [lost = ''] = audit.chains();
      takeAway();
      await service.record(command('echo after'));
      const now = audit.chains().at(-1) ?? '';
      assert.notEqual(now, lost);
      assert.equal(service.currentFile, now);
      assert.deepEqual(commandsIn(now), ['echo after']);
      const missed = audit.records(now).filter(({ kind }) => kind === 'audit.missed');
      assert.deepEqual(
        missed.map(({ details }) => [details['file'], details['count']]),
        [[lost, 2]],
      );
      await service.dispose();
      const { problems } = await audit.verify();
      assert.ok(
        problems.some(({ file }) => file.endsWith(lost)),
        JSON.stringify(problems),
      );
      assert.ok(!problems.some(({ file }) => file.endsWith(now)), JSON.stringify(problems));
    });
  }

  it('tells of the loss when it is ended, if nothing was recorded since', async () => {
    const service = audit.server();
    await service.record(command('echo before'));
    fs.renameSync(audit.folder, `${audit.folder}.old`);
    await service.dispose();
    const [now = ''] = audit.chains();
    const kinds = audit.records(now).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['chain.opened', 'audit.missed', 'chain.closed']);
  });
});

function replace(file: string): void {
  const content = fs.readFileSync(file);
  fs.writeFileSync(`${file}.new`, content.subarray(0, content.lastIndexOf('\n', -2) + 1));
  fs.renameSync(`${file}.new`, file);
}
