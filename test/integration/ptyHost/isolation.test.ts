import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { PtyHostClient } from '../../../server/src/terminals/hostClient/ptyHostClient.ts';
import { createParams, PtyHostWorld, Viewer } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

/** What a process has open: descriptor → what it links to. */
function descriptors(pid: number): Map<number, string> {
  const folder = `/proc/${pid}/fd`;
  return new Map(readdirSync(folder).map((name) => [Number(name), readlinkSync(`${folder}/${name}`)]));
}

function environment(pid: number): string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter((entry) => entry !== '')
    .sort();
}

describe('What a terminal shares with others', function () {
  let world: PtyHostWorld;
  let client: PtyHostClient;

  before(async function () {
    // The system's own list of descriptors is what is looked at.
    if (process.platform !== 'linux') this.skip();
    world = await PtyHostWorld.open();
  });
  after(() => world.close());

  it('is no descriptor that the starting process left open, and no variable of its environment but the few needed', async () => {
    // Started by a shell that leaks descriptors as an editor does: low, high, and with holes between them.
    const program = `
      import { PtyHostLauncher } from './server/src/terminals/hostClient/ptyHostLauncher.ts';
      import { createLogger } from './server/src/base/logger.ts';
      const log = createLogger(() => undefined, 'off');
      const launcher = new PtyHostLauncher({ ...JSON.parse(process.env.LAUNCHER), log });
      await launcher.client();
      launcher.dispose();`;
    const script =
      'exec 17</etc/passwd 45</etc/passwd 203</etc/passwd; exec "$0" --input-type=module-typescript -e "$1"';
    const child = spawn('bash', ['-c', script, process.execPath, program], {
      stdio: 'ignore',
      env: {
        ...process.env,
        LAUNCHER: JSON.stringify({ ...world.launcherOptions(), log: undefined }),
        OPENAI_API_KEY: 'sk-secret',
        VSCODE_IPC_HOOK_CLI: '/tmp/x.sock',
        NODE_OPTIONS: '--no-deprecation',
      },
    });
    assert.deepEqual(await once(child, 'close'), [0, null]);
    client = await world.client();
    const ofHost = descriptors(client.identity.pid);
    assert.deepEqual(
      [...ofHost.values()].filter((target) => target.includes('passwd')),
      [],
    );
    const names = environment(client.identity.pid).map((entry) => entry.split('=')[0]!);
    const allowed = /^(HOME|LANG|LC_\w+|LOGNAME|PATH|SHELL|TMPDIR|TZ|USER|XDG_RUNTIME_DIR)$/;
    assert.deepEqual(
      names.filter((name) => !allowed.test(name)),
      [],
    );
  });

  it('is no pty: each shell has its own terminal as descriptors 0, 1, 2 and nothing else', async () => {
    // A descriptor that is open in the test itself must not matter either.
    const ours = openSync('/etc/hostname', 'r');
    const shells = [];
    for (let index = 0; index < 5; index++) {
      const shell = index % 2 === 0 ? { file: '/bin/bash', args: ['--norc', '-i'] } : { file: '/bin/sh', args: ['-i'] };
      shells.push(await client.create(createParams('', shell)));
    }
    closeSync(ours);
    const terminals = new Set<string>();
    for (const { sessionId, pid } of shells) {
      const viewer = await Viewer.open(client, { sessionId });
      await waitFor('the prompt', () => /[$#] $/.test(viewer.text));
      const open = descriptors(pid);
      const terminal = open.get(0)!;
      assert.match(terminal, /^\/dev\/pts\/\d+$/);
      terminals.add(terminal);
      // Descriptor 255 (bash) and 10 (dash) are the shells' own doors to their terminal.
      assert.deepEqual(
        [...open.keys()].filter((fd) => ![0, 1, 2, 10, 255].includes(fd)),
        [],
      );
      assert.deepEqual(
        [...open.values()].filter((target) => target !== terminal && target !== '/dev/tty'),
        [],
      );
    }
    assert.equal(terminals.size, shells.length);
    for (const { sessionId } of shells) await client.close(sessionId);
  });

  it('is no variable: a shell has exactly the environment it was created with', async () => {
    const env = { PATH: '/usr/bin:/bin', ONLY: 'this', ['__proto__']: 'a variable like any other', EMPTY: '' };
    const { pid, sessionId } = await client.create(createParams('', { file: '/bin/sleep', args: ['1000'], env }));
    // The system names the new program a moment before it shows the environment of that.
    await waitFor(
      'sleep to run',
      () => readlinkSync(`/proc/${pid}/exe`).endsWith('/sleep') && environment(pid).length > 0,
    );
    assert.deepEqual(
      environment(pid),
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
    await client.close(sessionId);
  });
});
