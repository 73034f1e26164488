import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const parentProgram = path.resolve(import.meta.dirname, '../../fixtures/processes/forkingParent.cjs');

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts a parent that forks the server and prints the server's pid once it has answered the handshake. */
async function startParent(dataFolder: string): Promise<{ parent: ChildProcess; serverPid: number }> {
  const parent = spawn(process.execPath, [parentProgram, serverBundle], {
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

  it('ends within two seconds of its parent, killed with no chance to say so', async () => {
    const { parent, serverPid } = await startParent(folder.path);
    assert.ok(isAlive(serverPid));
    const killedAt = Date.now();
    parent.kill('SIGKILL');
    await waitFor('the server to end', () => !isAlive(serverPid), 10_000);
    assert.ok(Date.now() - killedAt < 2_000, 'and not by the slow poll of the library');
  });

  it('ends even while it cannot run its own code', async () => {
    const { parent, serverPid } = await startParent(folder.path);
    // Stopped, its main thread runs nothing; once it goes on, the parent is long gone.
    process.kill(serverPid, 'SIGSTOP');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    process.kill(serverPid, 'SIGCONT');
    await waitFor('the server to end', () => !isAlive(serverPid), 10_000);
  });
});
