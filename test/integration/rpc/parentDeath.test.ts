import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const parentProgram = path.resolve(import.meta.dirname, '../../fixtures/processes/forkingParent.cjs');

/** Whether the process runs; one that has ended and waits to be noticed by its parent does not. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z]/.test(stdout.trim());
}

const blockedServer = path.resolve(import.meta.dirname, '../../fixtures/processes/blockedServer.cjs');

/** Starts a parent that forks the server and prints the server's pid once it has answered the handshake. */
async function startParent(
  dataFolder: string,
  program = serverBundle,
): Promise<{ parent: ChildProcess; serverPid: number }> {
  const parent = spawn(process.execPath, [parentProgram, program], {
    env: serverEnvironment(dataFolder),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  assert.ok(parent.stdout);
  const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
  return { parent, serverPid: Number(pid.toString()) };
}

describe('A forked server', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('ends with its parent, which was killed with no chance to say so', async () => {
    const { parent, serverPid } = await startParent(folder.path);
    assert.ok(isAlive(serverPid));
    const killedAt = Date.now();
    parent.kill('SIGKILL');
    await waitFor('the server to end', () => !isAlive(serverPid), 10_000);
    console.log(`      ended ${Date.now() - killedAt} ms after its parent`);
  });

  it('ends even while its main thread is blocked', async () => {
    const { parent, serverPid } = await startParent(folder.path, blockedServer);
    parent.kill('SIGKILL');
    await waitFor('the server to end', () => !isAlive(serverPid), 10_000);
  });
});
