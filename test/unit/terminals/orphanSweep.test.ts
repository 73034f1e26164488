import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { OrphanSweep, ownFolder } from '../../../server/src/terminals/orphanSweep.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const hour = 3_600_000;
const deadPid = (): number => Number(spawnSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout);

describe('The sweep of what dead servers have left', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let clock: FakeClock;
  let sweeps: number;
  let sweep: OrphanSweep;
  let lines: string[];

  beforeEach(() => {
    folder = temporaryFolder();
    clock = new FakeClock(Date.now());
    sweeps = 0;
  });
  afterEach(() => {
    sweep.dispose();
    assert.equal(clock.pending, 0);
    assert.deepEqual(
      lines.filter((line) => line.startsWith('warn')),
      [],
    );
    folder.remove();
  });

  function begin(): void {
    const logger = recordingLogger();
    lines = logger.lines;
    sweep = new OrphanSweep({
      parents: [inside('commands'), inside('secrets'), inside('nothing')],
      ptyHostFolder: inside('ptyHost'),
      outputs: { sweep: () => (sweeps += 1) },
      clock,
      logger: logger.logger,
    });
  }

  const inside = (...names: string[]): string => path.join(folder.path, ...names);

  function make(...names: string[]): string {
    const made = inside(...names);
    mkdirSync(path.dirname(made), { recursive: true });
    writeFileSync(made, 'x');
    return made;
  }

  it('removes folders of dead processes, with what is in them, and spares living ones and strangers', async () => {
    const dead = deadPid();
    make('commands', `${dead}-abcdef012345`, 'deep', 'state');
    make('secrets', `${dead}-abcdef012345`, 'secret');
    const spared = [
      make('commands', path.basename(ownFolder('', 'abcdef012345')), 'state'),
      make('commands', `${process.ppid}-abcdef012345`, 'state'),
      make('commands', 'output', 'long'),
      make('secrets', `${dead}`, 'other'),
    ];
    begin();
    clock.advance(4_999);
    assert.ok(existsSync(inside('commands', `${dead}-abcdef012345`)), 'not while the server starts');
    clock.advance(1);
    const gone = () => !existsSync(inside('secrets', `${dead}-abcdef012345`));
    await waitFor('the folders to be gone', gone);
    assert.ok(!existsSync(inside('commands', `${dead}-abcdef012345`)));
    for (const file of spared) assert.ok(existsSync(file), file);
    assert.equal(sweeps, 1);
  });

  it('removes files that were never put in place once they are an hour old, and none that is', async () => {
    const names = ['.token-0123456789ab', 'host-1.json.0123456789ab.tmp'];
    const recent = ['.token-ba9876543210', 'host-1.json.ba9876543210.tmp', 'host-1.json', 'token', 'host-1.lock'];
    for (const name of [...names, ...recent]) make('ptyHost', name);
    const old = (clock.now() - hour - 1_000) / 1_000;
    for (const name of [...names, 'host-1.json', 'token', 'host-1.lock']) utimesSync(inside('ptyHost', name), old, old);
    begin();
    clock.advance(5_000);
    await waitFor('the unfinished files to be gone', () => names.every((name) => !existsSync(inside('ptyHost', name))));
    assert.deepEqual(readdirSync(inside('ptyHost')).sort(), [...recent].sort());
  });

  it('comes again every six hours', () => {
    begin();
    clock.advance(5_000);
    assert.equal(sweeps, 1);
    clock.advance(6 * hour - 1);
    assert.equal(sweeps, 1);
    clock.advance(1);
    assert.equal(sweeps, 2);
    clock.advance(24 * hour);
    assert.equal(sweeps, 6);
  });
});
