import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ParamsOf } from '../../../server/protocol/contract.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { untilOutputStands } from '../../support/ptyHostWorld.ts';
import { ScreenWorld } from '../../support/screenWorld.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The screens of terminals', function () {
  this.timeout(90_000);
  let world: ScreenWorld;

  before(async () => {
    world = await ScreenWorld.open();
  });
  after(() => world.close());

  const programs: [string, string, string[], RegExp][] = [
    ['vim', 'vim -u NONE -N -i NONE text', [':set number\r', 'oübung 日本 e\u0301 👍\x1b', 'ihalf'], /übung/],
    ['less', 'less text', ['/line 40\r', 'j', 'j'], /line 42/],
    ['htop', 'htop -d 100', ['\x1bOB', '\x1bOB'], /Load average/],
    ['tmux', 'tmux -L screens -f /dev/null new-session "seq 50; printf \'\\033[31mred\\033[m\'; sleep 60"', [], /red/],
  ];
  for (const [name, command, keys, expected] of programs) {
    it(`show ${name} to one who attaches later as to one who saw it start`, async function () {
      if (spawnSync('which', [name]).status !== 0) return this.skip();
      const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\t\u2502 x`).join('\n');
      writeFileSync(path.join(world.ptyHost.dataFolder, 'text'), lines);
      const sessionId = await world.run(command);
      const reference = await world.viewer(sessionId).attach(0);
      for (const key of keys) {
        await world.settled(sessionId, reference);
        await world.write(sessionId, key);
      }
      await waitFor(`${name} to draw`, async () => expected.test(await reference.text()));
      const late = await world.assertSameScreen(sessionId, reference);
      // What follows looks the same as well.
      const size = { cols: 100, rows: 30 };
      for (const viewer of [late, reference]) viewer.resize(size);
      await world.terminals.resize(sessionId, size);
      await world.assertSameScreen(sessionId, reference);
      await world.settled(sessionId, late);
      assert.deepEqual(await late.state(), await reference.state());
      await world.terminals.close(sessionId);
    });
  }

  it('keep the lines above, and what was on the screen at each size', async () => {
    const sessionId = await world.run('seq -f "a long line that wraps %g" 200; read x; seq 30; read x', {
      cols: 20,
      rows: 10,
    });
    const reference = await world.viewer(sessionId).attach(0);
    await world.settled(sessionId, reference);
    const size = { cols: 33, rows: 7 };
    reference.resize(size);
    await world.terminals.resize(sessionId, size);
    await world.write(sessionId, '\r');
    await world.assertSameScreen(sessionId, reference);
    await world.terminals.close(sessionId);
  });

  it('go on from an offset that is still kept, without a screen', async () => {
    const sessionId = await world.run('echo one; read x; echo two; read x');
    const viewer = await world.viewer(sessionId).attach(0);
    await world.settled(sessionId, viewer);
    viewer.detach();
    await world.write(sessionId, '\r');
    await viewer.attach(viewer.offset);
    await world.settled(sessionId, viewer);
    assert.equal(viewer.screens.length, 0);
    await world.assertSameScreen(sessionId, viewer);
    await world.terminals.close(sessionId);
  });

  it('show the last screen of a program that has ended, and then its end', async () => {
    const sessionId = await world.run('echo done; exit 3');
    await waitFor('its end', async () => (await world.terminals.get(sessionId)).status === 'exited');
    const viewer = await world.viewer(sessionId).attach();
    await waitFor('its exit code', () => viewer.exitCode === 3);
    assert.match(await viewer.text(), /done/);
    await world.terminals.close(sessionId);
  });

  it('let a slow viewer fall behind and catch up, while a fast one gets every byte', async () => {
    const sessionId = await world.run('seq 1 800000; printf "\\033[7mthe end\\033[m"; read x');
    const fast = await world.viewer(sessionId).attach(0);
    const slow = await world.viewer(sessionId).attach(0);
    slow.isAcknowledging = false;
    await waitFor('the fast one to have everything', async () => (await fast.text()).includes('the end'), 60_000);
    assert.deepEqual(fast.gaps, []);
    assert.ok(slow.offset <= 1_048_576, 'without acknowledgements it gets no more than its window');
    slow.giveCredit();
    await world.settled(sessionId, slow);
    assert.ok(slow.gaps.length >= 1);
    assert.ok(slow.screens.length >= 1);
    assert.deepEqual(await slow.state(), await fast.state());
    await world.terminals.close(sessionId);
  });

  it('send less ahead to a client that watches many, whose terminals share its channel', async () => {
    const ids: TerminalId[] = [];
    for (let count = 0; count < 4; count += 1) ids.push(await world.run('yes "a line of a flood"'));
    const sent = new Map<string, number>();
    const client = new TestClient();
    client.notify = (method, params) => {
      if (method !== 'terminal/output') return;
      const { sessionId, data } = params as ParamsOf<'terminal/output'>;
      sent.set(sessionId, (sent.get(sessionId) ?? 0) + data.length);
    };
    for (const sessionId of ids) {
      await world.viewers.attach(
        client,
        { sessionId, fromOffset: undefined, canAnswer: true },
        AbortSignal.timeout(20_000),
      );
    }
    const ahead = (): number[] => ids.map((sessionId) => sent.get(sessionId) ?? 0);
    const [few, further] = [262_144, 65_536];
    await waitFor('nothing more to be sent ahead', () => isDeepStrictEqual(ahead(), [few, few, further, further]));
    client.close();
    for (const sessionId of ids) await world.terminals.close(sessionId);
  });

  it('never leave a terminal paused, however viewers come and go while it floods', async () => {
    const sessionId = await world.run('yes "a line of a flood"');
    const host = await world.terminals.host();
    const produced = async () =>
      (await host.list()).find((session) => session.sessionId === sessionId)?.producedBytes ?? 0;
    const grows = async (what: string) => {
      const before = await produced();
      await waitFor(`more output ${what}`, async () => (await produced()) > before + 4_000_000);
    };
    for (let round = 0; round < 5; round++) {
      const viewer = await world.viewer(sessionId).attach();
      viewer.isAcknowledging = round % 2 === 0;
      // What it has not acknowledged is forgotten with the attachment that it replaces.
      await viewer.attach();
      viewer.giveCredit();
      await grows('with a viewer that attached twice');
      viewer.isAcknowledging = false;
      viewer.close();
      await grows('without any viewer');
    }
    const viewer = await world.viewer(sessionId).attach();
    assert.match(await viewer.text(), /a line of a flood/);
    assert.deepEqual(viewer.gaps, [], 'a single viewer is never overtaken');
    await world.terminals.close(sessionId);
  });

  it('know what a full-screen program has drawn, long after that has left the ring', async () => {
    const draw = 'printf "\\033[?1049h\\033[2J\\033[5;10H\\033[1;44mdrawn once\\033[m\\033[?1000h\\033[?1006h"; ';
    const sessionId = await world.run(
      `${draw} i=0; while [ $i -lt 30 ]; do i=$((i+1)); head -c 200000 /dev/zero | tr '\\0' '.' | sed 's/........../\\x1b[20;1H&/g'; sleep 0.1; done; read x`,
    );
    const host = await world.terminals.host();
    const info = async () => (await host.list()).find((session) => session.sessionId === sessionId);
    await waitFor(
      'the ring to have dropped its start',
      async () => ((await info())?.ringStartOffset ?? 0) > 1_000_000,
      60_000,
    );
    await waitFor('a checkpoint', async () => ((await info())?.checkpointOffset ?? null) !== null);
    const produced = await untilOutputStands(host, sessionId, 2_000_000);
    const viewer = await world.viewer(sessionId).attach();
    await waitFor('the viewer to have everything', () => viewer.offset === produced);
    assert.match(await viewer.text(), /drawn once/);
    const state = await viewer.state();
    assert.equal(state['isAlternate'], true);
    assert.equal(state['mouseEncoding'], 'SGR');
    assert.match(await world.text(sessionId), /drawn once/);
    await world.terminals.close(sessionId);
  });

  it('outlive the pty host where somebody watched, and new terminals start at once', async () => {
    const own = await ScreenWorld.open();
    const sessionId = await own.run('printf "\\033[1mto be lost\\033[m"; read x');
    const unseen = await own.run('sleep 60');
    const viewer = await own.viewer(sessionId).attach();
    await waitFor('the output', async () => (await viewer.text()).includes('to be lost'));
    const told: string[] = [];
    own.terminals.onChanged(({ terminal, sessionId: id }) => told.push(`${id} ${terminal?.status ?? 'gone'}`));
    await own.ptyHost.endHost('SIGKILL');
    await waitFor('the loss to be told', () => told.includes(`${sessionId} lost`) && told.includes(`${unseen} lost`));
    const statuses = (await own.terminals.list()).map(({ status }) => status);
    assert.deepEqual(statuses, ['lost', 'lost']);
    assert.match(await own.text(sessionId), /to be lost/);
    await assert.rejects(own.text(unseen), { reason: 'Unavailable' });
    const late = await own.viewer(sessionId).attach();
    assert.match(await late.text(), /to be lost/);
    const next = await own.run('read x');
    assert.equal((await own.terminals.get(next)).status, 'active');
    await own.terminals.close(sessionId);
    await waitFor('it to be forgotten', () => told.includes(`${sessionId} gone`));
    await own.close();
  });

  it('go on where they stopped when the pty host could not be reached for long', async () => {
    const own = await ScreenWorld.open();
    const sessionId = await own.run('echo before; read x; echo after; read x');
    const viewer = await own.viewer(sessionId).attach(0);
    await own.settled(sessionId, viewer);
    const host = await own.terminals.host();
    process.kill(host.identity.pid, 'SIGSTOP');
    try {
      host.dispose();
      await waitFor(
        'the first try to have failed',
        () => own.logLines.some((line) => line.includes('could not be watched again')),
        30_000,
      );
    } finally {
      process.kill(host.identity.pid, 'SIGCONT');
    }
    await waitFor(
      'the host to answer again',
      () =>
        own.write(sessionId, '\r').then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await waitFor('what was printed meanwhile', async () => (await viewer.text()).includes('after'), 30_000);
    assert.deepEqual(viewer.told, [], 'nothing false was said of a terminal that lives');
    await own.terminals.close(sessionId);
    await own.close();
  });

  it('can be had as text', async () => {
    const sessionId = await world.run('printf "\\033]2;a title\\007"; seq 30; printf "\\033[32m$ \\033[m"; read x', {
      cols: 20,
      rows: 5,
    });
    await untilOutputStands(await world.terminals.host(), sessionId, 10);
    const take = (scrollbackLines: number) =>
      world.snapshots.take({ sessionId, scrollbackLines }, AbortSignal.timeout(20_000));
    const { offset, ...shown } = await take(0);
    assert.deepEqual(shown, {
      text: '27\n28\n29\n30\n$',
      cols: 20,
      rows: 5,
      cursor: { row: 4, col: 2 },
      isAlternateScreen: false,
      title: 'a title',
    });
    assert.ok(offset > 30);
    assert.equal((await take(2)).text.split('\n')[0], '25');
    await world.terminals.close(sessionId);
    await assert.rejects(take(0), { reason: 'NotFound' });
  });
});
