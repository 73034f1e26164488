import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { Viewer } from '../../support/ptyHostWorld.ts';
import { ScreenWorld } from '../../support/screenWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Programs of every day in a terminal', function () {
  this.timeout(120_000);
  let world: ScreenWorld;

  before(async () => {
    world = await ScreenWorld.open();
  });
  after(() => world.close());

  const shells: readonly { name: string; command: string; line: string; answer: RegExp }[] = [
    { name: 'python3', command: 'exec python3 -q', line: 'print("sum", 40 + 2)\r', answer: /^sum 42$/m },
    { name: 'node', command: 'exec node', line: 'console.log(`sum ${40 + 2}`)\r', answer: /^sum 42$/m },
  ];
  for (const { name, command, line, answer } of shells) {
    it(`answer as ${name} does, and look the same to one who attaches in the middle of a line`, async function () {
      if (spawnSync('which', [name]).status !== 0) return this.skip();
      const sessionId = await world.run(command);
      const reference = await world.viewer(sessionId).attach(0);
      await waitFor('the prompt', async () => /> ?$/m.test(await reference.text()));
      await world.write(sessionId, line);
      await waitFor('the answer', async () => answer.test(await reference.text()));
      await world.write(sessionId, '"not yet finished');
      await world.assertSameScreen(sessionId, reference);
      await world.terminals.close(sessionId);
    });
  }

  it('take a paste of 200 kB, brackets included, whole and in order', async () => {
    const paste =
      `\x1b[200~${Array.from({ length: 5_000 }, (_, index) => `line ${index} of a paste, grüße 👍\n`).join('')}`.slice(
        0,
        200_000,
      ) + '\x1b[201~';
    const bytes = Buffer.byteLength(paste);
    const sessionId = await world.run(`stty raw -echo; printf '\\033[?2004hready'; head -c ${bytes} | md5sum; read x`);
    const reference = await world.viewer(sessionId).attach(0);
    await waitFor('the program', async () => (await reference.text()).includes('ready'));
    await world.write(sessionId, paste);
    const digest = createHash('md5').update(paste).digest('hex');
    await waitFor('the digest', async () => (await reference.text()).includes(digest));
    await world.terminals.close(sessionId);
  });

  it('print 100 MB of which a reading viewer gets every byte', async () => {
    const host = await world.terminals.host();
    const sessionId = await world.run('sleep 0.2; head -c 100000000 /dev/zero | tr "\\0" "x"; printf end');
    const viewer = await Viewer.open(host, { sessionId, fromOffset: 0 });
    await waitFor('all of it', () => viewer.exited, 60_000);
    assert.equal(viewer.receivedBytes, 100_000_003);
    await world.terminals.close(sessionId);
  });

  it('are drawn right after a storm of resizes', async function () {
    if (spawnSync('which', ['vim']).status !== 0) return this.skip();
    const sessionId = await world.run('exec vim -u NONE -N -i NONE');
    const reference = await world.viewer(sessionId).attach(0);
    await world.write(sessionId, 'ione\rtwo\rthree');
    await waitFor('the text', async () => (await reference.text()).includes('three'));
    const sizes = Array.from({ length: 200 }, (_, index) => ({
      cols: 40 + ((index * 37) % 120),
      rows: 8 + ((index * 13) % 40),
    }));
    await Promise.all(sizes.map((size) => world.terminals.resize(sessionId, size)));
    const size = { cols: 90, rows: 20 };
    await world.terminals.resize(sessionId, size);
    await world.settled(sessionId, reference);
    // The last word is the program's: it is asked to draw everything for the size that stays.
    reference.resize(size);
    await world.write(sessionId, '\x1b:redraw!\r');
    await world.assertSameScreen(sessionId, reference);
    assert.match(await reference.text(), /^one\ntwo\nthree\n~/);
    await world.terminals.close(sessionId);
  });

  it('go on when the shell is replaced, and end with the exit code of what replaced it', async () => {
    const sessionId = await world.run('(sleep 0.3; echo from the job) & exec sh -c "echo replaced; exit 7"');
    const viewer = await world.viewer(sessionId).attach(0);
    await waitFor('its end', () => viewer.exitCode === 7);
    assert.match(await viewer.text(), /replaced/);
    await world.terminals.close(sessionId);
  });
});
