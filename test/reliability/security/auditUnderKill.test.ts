import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuditFixture, command } from '../../unit/security/audit/auditFixture.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { mountSmallDisk } from '../../support/smallDisk.ts';
import { waitFor } from '../../support/waitFor.ts';

const rounds = Number(process.env['AUDIT_KILL_ROUNDS'] ?? 25);
const longestLifeMs = 80;
/** Types are stripped by Node itself here, of which it would warn. */
const quiet = '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON';
const program = path.join(import.meta.dirname, 'recordingProcess.ts');

describe(`The audit log under ${rounds} kill -9`, function () {
  this.timeout(rounds * 5_000);
  let audit: AuditFixture;
  const children: ChildProcess[] = [];

  before(() => (audit = new AuditFixture()));

  after(async () => {
    assert.ok(children.every((child) => child.signalCode === 'SIGKILL'));
    const { folder } = audit;
    await audit.remove();
    assert.deepEqual(openFilesUnder(folder), []);
  });

  it('has every command that was allowed, holds, and tells each time how the one before was left', async () => {
    const allowed = new Set<string>();
    for (let round = 1; round <= rounds; round += 1) {
      for (const commandLine of await recordUntilKilled(round)) allowed.add(commandLine);
      const { firstBad } = await audit.verify();
      assert.equal(firstBad, undefined, `round ${round}: ${JSON.stringify(firstBad)}`);
    }
    const all = audit.chains().flatMap((name) => audit.linesOf(name).map((line) => JSON.parse(line) as Line));
    const told = new Set(all.map(({ details }) => details.commandLine));
    assert.ok(allowed.size > rounds);
    for (const commandLine of allowed) assert.ok(told.has(commandLine), commandLine.slice(0, 60));
    const crashed = all
      .filter(({ kind }) => kind === 'chain.witnessed')
      .flatMap(({ details }) => details.files ?? [])
      .filter(({ state }) => state === 'crashed');
    assert.ok(new Set(crashed.map(({ file }) => file.split('-')[1])).size >= rounds - 2);
  });

  it('finds an edit in a chain whose server was killed', async () => {
    const name = audit.chains()[0] ?? '';
    const whole = audit.read(name);
    audit.write(name, whole.toString().replace('writer 1 number 0', 'writer 1 number 9'));
    assert.equal((await audit.verify()).firstBad?.file, name);
    audit.write(name, whole);
  });

  /** Runs the recording process, kills it at a random moment, answers which commands it said might run. */
  async function recordUntilKilled(round: number): Promise<string[]> {
    const child = spawn(process.execPath, [quiet, program, audit.folder, String(round)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const closed = once(child, 'close');
    let [out, errors] = ['', ''];
    const begun = Promise.withResolvers<undefined>();
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
      begun.resolve(undefined);
    });
    await Promise.race([begun.promise, closed.then(() => assert.fail(`It ended by itself: ${errors}`))]);
    // The moment is what is varied here; nothing is waited for.
    await sleep(Math.random() * longestLifeMs);
    child.kill('SIGKILL');
    await closed;
    assert.equal(errors, '');
    return out
      .slice(0, out.lastIndexOf('\n'))
      .split('\n')
      .map((line) => line.replace(/^allowed /, ''));
  }
});

interface Line {
  readonly kind: string;
  readonly details: {
    readonly commandLine?: string;
    readonly files?: { readonly file: string; readonly state: string }[];
  };
}

/** A tmpfs of 1 MiB, which only root may mount. */
describe('The audit log on a real disk', function () {
  this.timeout(60_000);
  let audit: AuditFixture;
  let isMounted = false;

  beforeEach(function () {
    audit = new AuditFixture();
    fs.mkdirSync(audit.folder, { mode: 0o700 });
    if (!mountSmallDisk(audit.folder)) this.skip();
    isMounted = true;
  });

  afterEach(async () => {
    await audit.close();
    if (isMounted) execFileSync('umount', [audit.folder]);
    isMounted = false;
    await audit.remove();
  });

  it('that is full refuses what is privileged, holds, and goes on by itself when there is room', async () => {
    const service = audit.server();
    await service.record(command('before'));
    const filler = audit.path('filler');
    assert.throws(() => fs.writeFileSync(filler, Buffer.alloc(2 * 1024 * 1024)), /ENOSPC/);
    const refused = { reason: 'Unavailable', message: /ENOSPC.*room/ };
    // The last page of the file still has some room.
    await assert.rejects(async () => {
      for (let index = 0; index < 40; index += 1) await service.record(command(`during ${'x'.repeat(1_000)}`));
    }, refused);
    await service.record({ kind: 'setting.changed' });
    await assert.rejects(service.record(command(`late ${'x'.repeat(4_000)}`)), refused);
    assert.equal(audit.health.at(-1)?.status, 'degraded');
    assert.equal((await audit.verify()).firstBad, undefined);
    fs.rmSync(filler);
    await waitFor('the log to be well again', () => audit.health.at(-1)?.status === 'ready');
    await service.record(command('after'));
    await service.dispose();
    const kinds = audit.chains().flatMap((name) => audit.records(name).map(({ kind }) => kind));
    assert.ok(kinds.includes('audit.missed'));
    assert.equal((await audit.verify()).firstBad, undefined);
  });

  it('that became read-only refuses what is privileged and loses nothing', async () => {
    const service = audit.server({ maxFileBytes: 1 });
    await service.record(command('before'));
    await service.dispose();
    execFileSync('mount', ['-o', 'remount,ro', audit.folder]);
    const next = audit.server();
    await assert.rejects(next.record(command('never')), { reason: 'Unavailable', message: /EROFS/ });
    execFileSync('mount', ['-o', 'remount,rw', audit.folder]);
    await next.record(command('after'));
    await next.dispose();
    const { firstBad, records } = await audit.verify();
    assert.deepEqual([firstBad, records > 4], [undefined, true]);
  });
});
