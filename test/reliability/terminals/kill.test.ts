import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { SeededRandom } from '../../support/seededRandom.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';
import { countingScript } from './countedOutput.ts';
import { CountingViewer } from './countingViewer.ts';

const rounds = Number(process.env['TERMINAL_KILL_ROUNDS'] ?? 6);
const longestPauseMs = 120;
const victims = ['shell', 'shell', 'host'] as const;

describe(`a terminal under output, in ${rounds} rounds of kill -9`, function () {
  this.timeout(30_000);
  const random = new SeededRandom();
  const folder = temporaryFolder();
  let server: WindowServer;

  before(async () => {
    server = await WindowServer.start(folder.path);
  });
  after(async () => {
    await server.kill();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  for (let round = 1; round <= rounds; round++) {
    it(`gives its viewer every byte once and in order, or the screen in place of what it missed (${round}, seed ${random.seed})`, async () => {
      const params = { shell: '/bin/sh', args: ['-c', countingScript] };
      const { sessionId, pid } = await server.call('terminal/create', params);
      const viewer = new CountingViewer(sessionId);
      await viewer.attach(server);
      for (let steps = 1 + random.below(6); steps > 0; steps--) await step(viewer, sessionId);
      await viewer.attachAfresh(server);
      await viewer.untilFlowing();
      assert.ok(viewer.screens > 0, 'who has seen nothing yet gets the screen');
      await kill(random.pick(victims), viewer, { sessionId, pid });
    });
  }

  /** One of the things that happen to a viewer while output flows. */
  async function step(viewer: CountingViewer, sessionId: TerminalId): Promise<void> {
    // The moment is what is random here: this is no wait for something to happen.
    await sleep(random.below(longestPauseMs));
    switch (random.below(5)) {
      case 0:
        await server.kill();
        server = await WindowServer.start(folder.path, { restarts: 1 });
        return viewer.attach(server);
      case 1:
        await server.call('terminal/detach', { sessionId });
        await sleep(random.below(longestPauseMs));
        return viewer.attach(server);
      case 2:
        viewer.isAcknowledging = false;
        await sleep(random.below(longestPauseMs));
        viewer.giveCredit();
        return;
      case 3:
        await server.call('terminal/resize', { sessionId, cols: 20 + random.below(200), rows: 5 + random.below(80) });
        return;
      default:
        return viewer.attachAfresh(server);
    }
  }

  async function kill(
    victim: (typeof victims)[number],
    viewer: CountingViewer,
    { sessionId, pid }: { sessionId: TerminalId; pid: number },
  ): Promise<void> {
    await sleep(random.below(longestPauseMs));
    const hostPids = ptyHostsOf(folder.path);
    assert.equal(hostPids.length, 1);
    if (victim === 'shell') {
      process.kill(pid, 'SIGKILL');
      await waitFor('the exit to be told', () => viewer.exit);
      assert.deepEqual(viewer.exit, { exitCode: null, signal: 9 });
      const { terminals } = await server.call('terminal/list', {});
      const terminal = terminals.find((candidate) => candidate.sessionId === sessionId);
      assert.equal(terminal?.status, 'exited');
      assert.equal(viewer.nextOffset, terminal.producedBytes, 'the exit comes after the last byte');
      await server.call('terminal/close', { sessionId });
    } else {
      for (const hostPid of hostPids) process.kill(hostPid, 'SIGKILL');
      await waitFor('the loss to be told', () => viewer.isLost);
      const { sessionId: next } = await server.call('terminal/create', { shell: '/bin/sh' });
      await server.call('terminal/close', { sessionId: next });
    }
    await waitFor('the program to be gone', () => !isAlive(pid));
    await viewer.assertSound();
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
