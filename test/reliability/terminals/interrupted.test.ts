import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder } from '../../../scripts/project.ts';
import type { CodedError } from '../../../server/protocol/errors.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { hostPaths } from '../../../server/src/ptyProtocol/hostRecord.ts';
import { childrenOf, endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { SeededRandom } from '../../support/seededRandom.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';
import { countingScript } from './countedOutput.ts';
import { CountingViewer } from './countingViewer.ts';

const rounds = Number(process.env['TERMINAL_KILL_ROUNDS'] ?? 3);
/** What waits for limits of up to a minute is only done where somebody asked for more than the usual. */
const isLong = process.env['TERMINAL_KILL_ROUNDS'] !== undefined;

describe('The pty host', function () {
  this.timeout(60_000 + rounds * 5_000);
  const random = new SeededRandom();
  const folder = temporaryFolder();
  const windows: WindowServer[] = [];

  afterEach(async () => {
    await Promise.all(windows.splice(0).map((window) => window.kill()));
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
  });
  after(() => folder.remove());

  async function openWindow(options: { bundle?: string } = {}): Promise<WindowServer> {
    const window = await WindowServer.start(folder.path, options);
    windows.push(window);
    return window;
  }

  async function terminalsOf(window: WindowServer) {
    return (await window.call('terminal/list', {})).terminals;
  }

  const flood = { shell: '/bin/sh', args: ['-c', countingScript] };
  const waiting = { shell: '/bin/sh', args: ['-c', 'read end'] };
  /** Takes two seconds to close. */
  const stubborn = { shell: '/bin/sh', args: ['-c', 'trap "" HUP; read end'] };

  it(`keeps nothing of a server killed in the middle of creating, attaching and closing (${rounds} rounds, seed ${random.seed})`, async () => {
    const window = await openWindow();
    const { sessionId } = await window.call('terminal/create', flood);
    const viewer = new CountingViewer(sessionId);
    await viewer.attach(window);
    const [host] = ptyHostsOf(folder.path);
    assert.ok(host !== undefined);
    const descriptors = descriptorsOf(host);
    // Without credit the terminal stands, held by this viewer alone: those of dead servers must not hold it as well.
    viewer.isAcknowledging = false;
    for (let round = 0; round < rounds; round++) {
      const closing = await Promise.all(
        [waiting, waiting, round === 0 ? stubborn : waiting].map((params) => window.call('terminal/create', params)),
      );
      const victim = await WindowServer.start(folder.path);
      await victim.call('terminal/list', {});
      const pending = [
        ...[1, 2, 3].map(() => victim.call('terminal/create', waiting)),
        ...closing.map((terminal) => victim.call('terminal/close', { sessionId: terminal.sessionId })),
        ...[1, 2, 3].map(() => victim.call('terminal/attach', { sessionId, fromOffset: 0 })),
      ];
      const settled = Promise.allSettled(pending);
      // The moment is what is random here: this is no wait for something to happen.
      await sleep(random.below(40));
      await victim.kill();
      await settled;
      await assertNothingHidden(window, host);
      for (const terminal of await terminalsOf(window)) {
        if (terminal.sessionId !== sessionId) await closed(window, terminal.sessionId);
      }
      viewer.giveCredit();
      await viewer.untilFlowing();
      viewer.isAcknowledging = false;
      await window.call('terminal/detach', { sessionId });
      await assertProduces(window, sessionId);
      await viewer.attach(window);
    }
    await waitFor('the descriptors of the dead servers to be closed', () => descriptorsOf(host) <= descriptors);
    assert.deepEqual(unfinishedFiles(), []);
  });

  it(`is found or started by the next server when one is killed while it starts it (${rounds} rounds, seed ${random.seed})`, async () => {
    for (let round = 0; round < rounds; round++) {
      const victim = await WindowServer.start(folder.path);
      const created = victim.call('terminal/create', waiting).catch(() => undefined);
      await sleep(random.below(250));
      await victim.kill();
      await created;
      const window = await openWindow();
      const { pid } = await window.call('terminal/create', waiting);
      // One that has lost against another ends at once.
      await waitFor('one host to be left', () => ptyHostsOf(folder.path).length === 1);
      const [host] = ptyHostsOf(folder.path);
      assert.ok(host !== undefined && childrenOf(host).includes(pid));
      await assertNothingHidden(window, host);
      await window.kill();
      endPtyHostsOf(folder.path);
      await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    }
    assert.deepEqual(unfinishedFiles(), []);
  });

  it('goes on when an update removes the extension under it and under the server, and serves the new version', async () => {
    const [old, updated] = [installed('1.0'), installed('1.1')];
    const before = await openWindow({ bundle: old.bundle });
    const { sessionId, pid } = await before.call('terminal/create', flood);
    const viewer = new CountingViewer(sessionId);
    await viewer.attach(before);
    rmSync(old.folder, { recursive: true });
    await viewer.untilFlowing();
    await viewer.attachAfresh(before);
    await viewer.untilFlowing();
    // Threads that are started late, the watchdog's for one, were installed with what is gone now.
    const isOldEnough = async () => (await before.call('server/health', {})).uptimeMs > 2_000;
    await waitFor('the server to have started its threads', isOldEnough);
    const saysSo = async () => (await before.call('server/health', {})).components['installation'];
    const { status, message } = await waitFor('the health to say so', saysSo, 15_000);
    assert.equal(status, 'degraded');
    assert.match(message ?? '', /updated or removed while this server ran.*Reload the window/);
    const other = await before.call('terminal/create', waiting);
    await before.kill();
    const after = await openWindow({ bundle: updated.bundle });
    await viewer.attach(after);
    await viewer.untilFlowing();
    const terminals = await terminalsOf(after);
    assert.deepEqual(
      terminals.map((terminal) => terminal.pid),
      [pid, other.pid],
    );
    assert.ok(terminals.every(({ status }) => status === 'active'));
  });

  it('keeps its terminals when the extension goes before the server has loaded all of it, which says what to do', async () => {
    const old = installed('1.2');
    const window = await openWindow({ bundle: old.bundle });
    const { sessionId } = await window.call('terminal/create', {
      shell: '/bin/sh',
      args: ['-c', 'echo here; read end'],
    });
    rmSync(old.folder, { recursive: true });
    // A screen is computed by a worker, which has not been started yet.
    await assert.rejects(window.call('terminal/snapshot', { sessionId }), {
      reason: 'Conflict',
      message: /updated or removed while this server ran.*Reload the window/,
    });
    let text = '';
    window.onNotification = ({ method, params }) => {
      if (method === 'terminal/output' && params.data instanceof Uint8Array)
        text += Buffer.from(params.data).toString();
    };
    await window.call('terminal/attach', { sessionId });
    await waitFor('the output, without a screen', () => text.includes('here'));
  });

  it('is reported as not answering while it is stopped, and found again with its terminals when it goes on', async function () {
    if (!isLong) this.skip();
    const window = await openWindow();
    const { sessionId, pid } = await window.call('terminal/create', flood);
    const viewer = new CountingViewer(sessionId);
    await viewer.attach(window);
    const [host] = ptyHostsOf(folder.path);
    assert.ok(host !== undefined);
    process.kill(host, 'SIGSTOP');
    try {
      await assert.rejects(window.call('terminal/list', {}), { reason: 'TimedOut' });
      assert.equal((await window.call('server/health', {})).status, 'ready', 'the server itself answers');
      // Until its heartbeat has told it, each request ends by its own limit; then connecting has one.
      await waitFor(
        'the server to give the connection up',
        () =>
          window.call('terminal/list', {}).then(
            () => false,
            (error: unknown) => (error as Error).message.includes('could be reached'),
          ),
        60_000,
      );
    } finally {
      process.kill(host, 'SIGCONT');
    }
    await waitFor('the terminal to be listed again', async () => {
      const terminals = await terminalsOf(window).catch(() => []);
      return terminals.some((terminal) => terminal.pid === pid && terminal.status === 'active');
    });
    assert.deepEqual(ptyHostsOf(folder.path), [host], 'no other host was started beside it');
    await viewer.attach(window);
    await viewer.untilFlowing();
  });

  it('lets a server go that has stopped, so that its terminals flow, and takes it back when it goes on', async function () {
    if (!isLong) this.skip();
    const stopped = await openWindow();
    const { sessionId } = await stopped.call('terminal/create', flood);
    const viewer = new CountingViewer(sessionId);
    await viewer.attach(stopped);
    await viewer.untilFlowing();
    assert.ok(stopped.child.pid !== undefined);
    process.kill(stopped.child.pid, 'SIGSTOP');
    const window = await openWindow();
    await waitFor('the terminal to stand', () => standsStill(window, sessionId));
    await waitFor('the terminal to go on', async () => !(await standsStill(window, sessionId)), 75_000);
    process.kill(stopped.child.pid, 'SIGCONT');
    await viewer.untilFlowing();
  });

  /** Closes a terminal, which another server may be closing as well. */
  async function closed(window: WindowServer, sessionId: TerminalId): Promise<void> {
    try {
      await window.call('terminal/close', { sessionId });
    } catch (error) {
      assert.equal((error as CodedError).reason, 'NotFound');
    }
  }

  /** Every child of the host is a terminal that is listed, and every listed one has its process. */
  async function assertNothingHidden(window: WindowServer, host: number): Promise<void> {
    await waitFor('processes and terminals to agree', async () => {
      const active = (await terminalsOf(window)).filter(({ status }) => status === 'active');
      const pids = active.map(({ pid }) => pid).sort((one, other) => one - other);
      return pids.join() === childrenOf(host).join();
    });
  }

  async function producedBytes(window: WindowServer, sessionId: TerminalId): Promise<number> {
    return (await terminalsOf(window)).find((terminal) => terminal.sessionId === sessionId)?.producedBytes ?? 0;
  }

  async function assertProduces(window: WindowServer, sessionId: TerminalId): Promise<void> {
    const before = await producedBytes(window, sessionId);
    await waitFor('the program to go on', async () => (await producedBytes(window, sessionId)) > before + 2_000_000);
  }

  async function standsStill(window: WindowServer, sessionId: TerminalId): Promise<boolean> {
    const before = await producedBytes(window, sessionId);
    await sleep(300);
    return (await producedBytes(window, sessionId)) === before;
  }

  /** What was written under a passing name and not put in its place. */
  function unfinishedFiles(): string[] {
    return readdirSync(hostPaths(folder.path).folder).filter((name) => name.endsWith('.tmp'));
  }

  /** A copy of what an installed extension holds of the server. */
  function installed(version: string): { folder: string; bundle: string } {
    const target = path.join(folder.path, `extension-${version}`);
    mkdirSync(target);
    cpSync(path.join(projectFolder, 'package.json'), path.join(target, 'package.json'));
    cpSync(path.join(projectFolder, 'dist'), path.join(target, 'dist'), {
      recursive: true,
      filter: (file) => !file.endsWith('.vsix'),
    });
    const nodePty = path.join('node_modules', 'node-pty');
    cpSync(path.join(projectFolder, nodePty), path.join(target, nodePty), { recursive: true });
    return { folder: target, bundle: path.join(target, 'dist', 'server.js') };
  }
});

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
