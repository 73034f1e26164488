import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';
import { hostPaths } from '../../../server/src/ptyProtocol/hostRecord.ts';
import { createParams, PtyHostWorld, runStandIn, Viewer, nodePtyFolder } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

const isLinux = process.platform === 'linux';

describe('The life of the pty host', () => {
  let world: PtyHostWorld;

  beforeEach(async () => {
    world = await PtyHostWorld.open();
  });
  afterEach(() => world.close());

  it('is one host for eight launchers in eight processes that start at the same time', async () => {
    const options = JSON.stringify({ ...world.launcherOptions(), log: undefined });
    const standIns = Array.from({ length: 8 }, () =>
      runStandIn(
        `import { PtyHostLauncher } from './server/src/terminals/hostClient/ptyHostLauncher.ts';
         import { createLogger } from './server/src/base/logger.ts';
         const log = createLogger(() => undefined, 'off');
         const launcher = new PtyHostLauncher({ ...JSON.parse(process.env.LAUNCHER), log });
         const client = await launcher.client();
         console.log(client.identity.instanceId);
         launcher.dispose();`,
        { LAUNCHER: options },
      ),
    );
    const outputs = await Promise.all(
      standIns.map(async (child) => {
        let text = '';
        child.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
        const [code] = (await once(child, 'close')) as [number];
        assert.equal(code, 0);
        return text.trim();
      }),
    );
    assert.equal(new Set(outputs).size, 1, outputs.join());
    assert.match(outputs[0]!, /^[0-9a-f]{32}$/);
    assert.equal(world.hostPids().length, 1);
  }).timeout(60_000);

  it('is one host for many callers of one launcher', async () => {
    const launcher = world.launcher();
    const clients = await Promise.all(Array.from({ length: 10 }, () => launcher.client()));
    assert.equal(new Set(clients).size, 1);
    assert.equal(await launcher.client(), clients[0]);
  });

  it('takes over a stale socket and record after the host was killed', async () => {
    const first = await world.client();
    await world.endHost('SIGKILL');
    assert.ok(existsSync(await world.address()));
    const second = await world.client();
    assert.notEqual(second.identity.instanceId, first.identity.instanceId);
    assert.ok(first.isClosed);
    await assert.rejects(first.list(), { reason: 'Unavailable' });
  });

  it('keeps its sessions when a server is killed in the middle of output, and gives the gapless rest', async () => {
    const client = await world.client();
    const { sessionId, pid } = await client.create(createParams('seq 1 300000; read done'));
    const standIn = runStandIn(
      `import { PtyHostLauncher } from './server/src/terminals/hostClient/ptyHostLauncher.ts';
       import { createLogger } from './server/src/base/logger.ts';
       const log = createLogger(() => undefined, 'off');
       const client = await new PtyHostLauncher({ ...JSON.parse(process.env.LAUNCHER), log }).client();
       const subscription = await client.subscribe({ sessionId: process.env.SESSION, fromOffset: 0, windowBytes: 65536 });
       subscription.listen((event) => console.log(event.kind));`,
      { LAUNCHER: JSON.stringify({ ...world.launcherOptions(), log: undefined }), SESSION: sessionId },
    );
    await once(standIn.stdout!, 'data');
    standIn.kill('SIGKILL');
    await once(standIn, 'close');
    const viewer = await Viewer.open(client, { sessionId, fromOffset: 1_000_000 });
    await waitFor('the end', () => viewer.text.endsWith('300000\r\n'));
    const all = Array.from({ length: 300_000 }, (_, index) => `${index + 1}\r\n`).join('');
    assert.equal(viewer.text, all.slice(viewer.startOffset));
    assert.equal(process.kill(pid, 0), true);
  }).timeout(40_000);

  it('keeps an exited session with exit code and last bytes until it is forgotten, for whichever server comes', async () => {
    const first = world.launcher();
    const { sessionId } = await (await first.client()).create(createParams('echo bye; exit 42', { metadata: 'mine' }));
    first.dispose();
    const client = await world.client();
    const session = await waitFor('the exit', async () => (await client.list()).find(({ exit }) => exit));
    assert.deepEqual(session.exit, { exitCode: 42, signal: null });
    assert.equal(session.metadata, 'mine');
    const viewer = await Viewer.open(client, { sessionId });
    await waitFor('the exit to be told', () => viewer.exited);
    assert.equal(viewer.text, 'bye\r\n');
    await client.forget(sessionId);
    assert.deepEqual(await client.list(), []);
    await assert.rejects(client.forget(sessionId), { reason: 'NotFound' });
    assert.deepEqual(viewer.events.at(-1), { kind: 'ended' });
  });

  it('ends by itself without terminals and clients, and takes socket and record with it', async () => {
    const launcher = world.launcher({ idleExitMs: 300 });
    await launcher.client();
    const address = await world.address();
    launcher.dispose();
    await waitFor('the host to end', () => world.hostPids().length === 0);
    assert.ok(!existsSync(address));
    assert.ok(!existsSync(hostPaths(world.dataFolder).recordFile));
    assert.match(world.hostLog, /neither a terminal nor a client is left/);
  });

  it('stays while a terminal is there, however idle', async () => {
    const launcher = world.launcher({ idleExitMs: 100 });
    const client = await launcher.client();
    const startedAt = Date.now();
    const { sessionId, pid } = await client.create(createParams('sleep 1; read done'));
    launcher.dispose();
    const children = `/proc/${pid}/task/${pid}/children`;
    await waitFor(
      'its program to have slept',
      () => Date.now() - startedAt > 900 && readFileSync(children, 'utf8') === '',
    );
    const again = await world.client();
    assert.equal(again.identity.instanceId, client.identity.instanceId);
    await again.close(sessionId);
  });

  it('ends idle shells that nobody came back to, and none in which a program runs, in the background neither', async () => {
    const launcher = world.launcher({ keepAliveHours: 0 });
    const client = await launcher.client();
    const shell = { file: '/bin/bash', args: ['--norc', '-i'], isShell: true };
    const idle = await client.create(createParams('', shell));
    const busy = await client.create(createParams('', shell));
    const command = await client.create(createParams('read forever'));
    const withJob = await client.create(createParams('', shell));
    const started = [
      { shell: busy, line: 'sleep 1000' },
      { shell: withJob, line: 'sleep 1000 & jobs' },
    ];
    for (const { shell: one, line } of started) {
      await client.write(one.sessionId, Buffer.from(`${line}\n`));
      const viewer = await Viewer.open(client, { sessionId: one.sessionId });
      await waitFor('the command line', () => viewer.text.includes(line));
      const children = `/proc/${one.pid}/task/${one.pid}/children`;
      await waitFor('sleep to run', () => existsSync(children) && readFileSync(children, 'utf8').trim() !== '');
    }
    launcher.dispose();
    await waitFor('the idle shell to end', () => !existsSync(`/proc/${idle.pid}`));
    const sessions = await (await world.client()).list();
    const byId = (sessionId: string) => sessions.find((session) => session.sessionId === sessionId);
    assert.deepEqual(byId(idle.sessionId)?.exit, { exitCode: null, signal: 1 });
    assert.equal(byId(idle.sessionId)?.endedIdle, true);
    for (const { sessionId } of [busy, withJob, command]) {
      assert.equal(byId(sessionId)?.exit, null);
      assert.equal(byId(sessionId)?.endedIdle, false);
    }
  }).timeout(40_000);

  it('keeps idle shells for as long as a client wishes that may change its mind, whoever else only looks', async () => {
    const launcher = world.launcher({ keepAliveHours: 24 });
    const client = await launcher.client();
    const idle = await client.create(createParams('', { file: '/bin/bash', args: ['--norc', '-i'], isShell: true }));
    launcher.setKeepAlive(0);
    const looking = world.launcher({ keepAliveHours: undefined });
    await (await looking.client()).list();
    launcher.dispose();
    looking.dispose();
    await waitFor('the idle shell to end', () => !existsSync(`/proc/${idle.pid}`));
  }).timeout(30_000);

  it('binds again when its socket is deleted under it', async () => {
    const client = await world.client();
    const address = await world.address();
    rmSync(address);
    await waitFor('the socket', () => existsSync(address), 15_000);
    const other = await world.client();
    assert.equal(other.identity.instanceId, client.identity.instanceId);
    assert.equal(client.isClosed, false);
  }).timeout(30_000);

  it('is found by a client that comes while the socket is gone', async () => {
    const client = await world.client();
    rmSync(await world.address());
    rmSync(hostPaths(world.dataFolder).recordFile);
    const other = await world.client();
    assert.equal(other.identity.instanceId, client.identity.instanceId);
  }).timeout(30_000);

  it('ends its shells and itself tidily on SIGTERM, and lives on after SIGHUP', async () => {
    const client = await world.client();
    const { pid } = await client.create(createParams('sleep 1000 & wait'));
    process.kill(client.identity.pid, 'SIGHUP');
    assert.equal((await client.list()).length, 1);
    await world.endHost('SIGTERM');
    assert.ok(!existsSync(`/proc/${pid}`));
    assert.ok(!existsSync(await world.address().catch(() => '/nowhere')));
  });

  it('runs from a copy in the data folder, so that the installed files may go', async () => {
    const installed = path.join(world.dataFolder, 'extension-1.0');
    mkdirSync(installed);
    const { bundleFile } = world.launcherOptions();
    cpSync(path.dirname(bundleFile), installed, { recursive: true });
    cpSync(nodePtyFolder, path.join(installed, 'node-pty'), { recursive: true });
    const client = await world.client({
      bundleFile: path.join(installed, 'ptyHost.js'),
      nodePtyFolder: path.join(installed, 'node-pty'),
    });
    rmSync(installed, { recursive: true });
    const { sessionId } = await client.create(createParams('echo still here'));
    const viewer = await Viewer.open(client, { sessionId });
    await waitFor('the exit', () => viewer.exited);
    assert.equal(viewer.text, 'still here\r\n');
    assert.equal(readlinkSync(`/proc/${client.identity.pid}/cwd`), world.dataFolder);
    const staged = readdirSync(hostPaths(world.dataFolder).folder).filter((name) => /^1-[0-9a-f]{16}$/.test(name));
    assert.equal(staged.length, 1);
  }).timeout(40_000);

  it('removes copies that no host runs from any more', async () => {
    const old = path.join(hostPaths(world.dataFolder).folder, '1-0123456789abcdef');
    const ofOtherVersion = path.join(hostPaths(world.dataFolder).folder, '2-0123456789abcdef');
    mkdirSync(old, { recursive: true, mode: 0o700 });
    mkdirSync(ofOtherVersion);
    await world.client();
    assert.ok(!existsSync(old));
    assert.ok(existsSync(ofOtherVersion));
  });

  it('listens in a private folder elsewhere when the path of the data folder is too long for a socket', async () => {
    const dataFolder = path.join(world.dataFolder, 'x'.repeat(60), 'y'.repeat(60));
    const launcher = world.launcher({ dataFolder });
    await launcher.client();
    const { recordFile } = hostPaths(dataFolder);
    const { address } = JSON.parse(readFileSync(recordFile, 'utf8')) as { address: string };
    assert.ok(Buffer.byteLength(address) < 100, address);
    assert.ok(!address.startsWith(dataFolder));
    assert.equal(statSync(path.dirname(address)).mode & 0o777, 0o700);
    assert.equal(statSync(address).mode & 0o777, 0o600);
  });

  it('says what is missing when the installation is not complete', async () => {
    const bundleFile = path.join(world.dataFolder, 'nothing', 'ptyHost.js');
    await assert.rejects(world.client({ bundleFile }), {
      reason: 'Unavailable',
      message: 'The pty host is not complete: ptyHost.js cannot be read; build or install again.',
    });
  });

  it('says that the data folder cannot be used, without its path', async () => {
    const dataFolder = path.join(world.dataFolder, 'file');
    writeFileSync(dataFolder, '');
    await assert.rejects(world.client({ dataFolder }), {
      reason: 'Unavailable',
      message: 'The data folder cannot be used for the pty host (ENOTDIR); check that it can be written and has room.',
    });
  });

  it('says within its time limit that no host comes up, and where its log is', async () => {
    const { bundleFile } = world.launcherOptions();
    const broken = path.join(world.dataFolder, 'broken');
    mkdirSync(broken);
    writeFileSync(path.join(broken, 'ptyHost.js'), 'process.exit(9);');
    if (isLinux) {
      copyFileSync(path.join(path.dirname(bundleFile), 'ptyExec'), path.join(broken, 'ptyExec'));
    }
    await assert.rejects(world.client({ bundleFile: path.join(broken, 'ptyHost.js') }), {
      reason: 'Unavailable',
      message: /within 10 s: its process ended with exit code 9\. See logs\/pty-host\.log in the data folder/,
    });
  }).timeout(20_000);

  it('does not keep a pipe of the server that started it open', async () => {
    const child = runStandIn(
      `import { PtyHostLauncher } from './server/src/terminals/hostClient/ptyHostLauncher.ts';
       import { createLogger } from './server/src/base/logger.ts';
       const log = createLogger(() => undefined, 'off');
       const client = await new PtyHostLauncher({ ...JSON.parse(process.env.LAUNCHER), log }).client();
       await client.create({ file: '/bin/sleep', args: ['1000'], cwd: '/', env: {}, cols: 80, rows: 24, metadata: '' });
       process.exit(0);`,
      { LAUNCHER: JSON.stringify({ ...world.launcherOptions(), log: undefined }) },
    );
    // `close` comes only once nobody holds the pipes any more; `exit` alone would not show a leak.
    child.stdout!.resume();
    child.stderr!.resume();
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 0);
    assert.equal(world.hostPids().length, 1);
  }).timeout(20_000);
});
