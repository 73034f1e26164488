import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { PersonTerminal } from '../../support/personTerminal.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment, StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

/** What `terminals list` prints. */
function list(dataFolder: string): string {
  const args = [serverBundle, 'terminals', 'list'];
  return spawnSync(process.execPath, args, { env: serverEnvironment(dataFolder), encoding: 'utf8', timeout: 20_000 })
    .stdout;
}

/** Ends what runs in a data folder, and removes it. */
async function removed(folder: ReturnType<typeof temporaryFolder>): Promise<void> {
  endPtyHostsOf(folder.path);
  await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
  folder.remove();
}

describe('The command line beside a window', function () {
  this.timeout(60_000);

  it('has no say in how long idle shells are kept where it only lists, a window that changes its setting has', async () => {
    const folder = temporaryFolder();
    const window = new StdioServer(folder.path);
    await window.initialize({ settings: { 'terminals.keepAliveHours': 24 } });
    const params = { shell: '/bin/sh', args: ['-i'], env: { ENV: null } };
    const { sessionId, pid } = await window.result('terminal/create', params);
    window.notify('settings/changed', { settings: { 'terminals.keepAliveHours': 0 } });
    await window.result('terminal/resize', { sessionId, cols: 90, rows: 30 });
    await window.stop();
    assert.match(list(folder.path), /sh/);
    await waitFor('the idle shell to end', () => !existsSync(`/proc/${String(pid)}`));
    await removed(folder);
  });

  it('drops the rest of a paste that is refused, and passes on what is typed later', async () => {
    const folder = temporaryFolder();
    const server = new StdioServer(folder.path);
    await server.initialize();
    const [go, got] = ['go', 'got'].map((name) => path.join(folder.path, name)) as [string, string];
    const script = `stty raw -echo; echo ready; until [ -e '${go}' ]; do sleep 0.05; done; exec cat > '${got}'`;
    const params = { shell: '/bin/sh', args: ['-c', script] };
    const id = (await server.result('terminal/create', params))['sessionId'] as string;
    const person = new PersonTerminal({
      file: process.execPath,
      args: [serverBundle, 'terminals', 'attach', id],
      env: serverEnvironment(folder.path),
    });
    await person.shows('ready');
    const pasted = Array.from({ length: 700_000 }, (_, index) => `${index}|`).join('');
    person.type(pasted);
    await waitFor('the bell', () => person.raw.includes('\x07'), 30_000);
    writeFileSync(go, '');
    let typedAtMs = 0;
    await waitFor('a key to arrive once the paste is over', () => {
      // Keys that follow one another without a pause would be taken for a part of the paste.
      if (performance.now() - typedAtMs > 800) {
        typedAtMs = performance.now();
        person.type('E');
      }
      return existsSync(got) && readFileSync(got, 'utf8').endsWith('E');
    });
    const arrived = readFileSync(got, 'utf8').replace(/E+$/, '');
    assert.ok(arrived.length > 1_000_000 && arrived.length < pasted.length, String(arrived.length));
    assert.ok(pasted.startsWith(arrived), 'a piece in the middle is missing');
    await person.close();
    await server.stop();
    await removed(folder);
  });

  it('finds no terminal behind the record of a host that was killed, and starts no other', async () => {
    const folder = temporaryFolder();
    const window = new StdioServer(folder.path);
    await window.initialize();
    await window.result('terminal/create', { shell: '/bin/sh' });
    await window.stop();
    for (const pid of ptyHostsOf(folder.path)) process.kill(pid, 'SIGKILL');
    await waitFor('the host to end', () => ptyHostsOf(folder.path).length === 0);
    assert.ok(readdirSync(path.join(folder.path, 'ptyHost')).some((name) => /^host-\d+\.json$/.test(name)));
    assert.equal(list(folder.path), 'No terminal is open.\n');
    assert.deepEqual(ptyHostsOf(folder.path), []);
    folder.remove();
  });
});
