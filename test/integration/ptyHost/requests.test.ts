import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { CodedError } from '../../../server/protocol/errors.ts';
import { ptyHostSuite } from '../../support/ptyHostSuite.ts';
import { createParams, PtyHostWorld, Viewer } from '../../support/ptyHostWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Requests to the pty host', function () {
  const host = ptyHostSuite(this);

  it('start a program by name, write to it, resize it, and tell its size and output', async () => {
    const params = createParams('', { file: 'bash', args: ['--norc', '-i'], cols: 100, rows: 30 });
    const { sessionId } = await host.client.create(params);
    const viewer = await Viewer.open(host.client, { sessionId });
    await host.client.write(sessionId, Buffer.from('stty size; echo héllo 🎉\r'));
    await waitFor('the first size', () => viewer.text.includes('30 100') && viewer.text.includes('héllo 🎉\r\n'));
    await host.client.resize(sessionId, { cols: 132, rows: 43 });
    await host.client.write(sessionId, Buffer.from('stty size\r'));
    await waitFor('the second size', () => viewer.text.includes('43 132'));
    const [session] = await host.client.list();
    assert.equal(session?.cols, 132);
    assert.equal(session.producedBytes, viewer.receivedBytes);
  });

  it('carry a megabyte of input to a program that reads slowly, in order and whole', async () => {
    const { sessionId } = await host.client.create(
      createParams('stty raw -echo; echo ready; head -c 1000000 | md5sum'),
    );
    const viewer = await Viewer.open(host.client, { sessionId });
    await waitFor('the program', () => viewer.text.includes('ready'));
    const input = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => 32 + (index % 90)));
    await host.client.write(sessionId, input);
    await waitFor('the digest', () => viewer.exited);
    assert.ok(viewer.text.includes(createHash('md5').update(input).digest('hex')), viewer.text);
  });

  it('refuse input beyond a bound for a program that does not read, and go on with all others', async () => {
    const { sessionId } = await host.client.create(createParams('stty raw -echo; echo ready; exec sleep 1000'));
    const viewer = await Viewer.open(host.client, { sessionId });
    await waitFor('the program', () => viewer.text.includes('ready'));
    await assert.rejects(host.client.write(sessionId, Buffer.alloc(4_000_000, 0x61)), { reason: 'ResourceLimit' });
    const other = await host.client.create(createParams('read line; echo "got $line"'));
    const otherViewer = await Viewer.open(host.client, { sessionId: other.sessionId });
    await host.client.write(other.sessionId, Buffer.from('it\n'));
    await waitFor('the other program', () => otherViewer.text.includes('got it'));
  });

  it('take input whole or not at all, and have it wait until the program reads', async () => {
    const go = path.join(host.world.dataFolder, 'go');
    const script = `stty raw -echo; echo ready; until [ -e '${go}' ]; do sleep 0.05; done`;
    const { sessionId } = await host.client.create(
      createParams(`${script}; head -c 3000000 | md5sum; head -c 500000 | md5sum`),
    );
    const viewer = await Viewer.open(host.client, { sessionId });
    await waitFor('the program', () => viewer.text.includes('ready'));
    const [first, refused, second] = [3_000_000, 500_000, 500_000].map((bytes, index) =>
      Buffer.alloc(bytes, `${index}`),
    );
    await host.client.write(sessionId, first!);
    await assert.rejects(host.client.write(sessionId, refused!), {
      reason: 'ResourceLimit',
      message: /None of them was taken/,
    });
    const waiting = host.client.write(sessionId, second!);
    writeFileSync(go, '');
    await waiting;
    await waitFor('the digests', () => viewer.exited);
    for (const whole of [first!, second!]) {
      assert.ok(viewer.text.includes(createHash('md5').update(whole).digest('hex')), viewer.text);
    }
  }).timeout(30_000);

  it('start no more programs than the caller allows, however many callers there are', async () => {
    const clients = [host.client, await host.world.client()];
    const created = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        clients[index % 2]!.create(createParams('sleep 1000', { maxSessions: 3 })),
      ),
    );
    assert.equal(created.filter(({ status }) => status === 'fulfilled').length, 3);
    for (const outcome of created) {
      if (outcome.status === 'rejected') assert.equal((outcome.reason as CodedError).reason, 'ResourceLimit');
    }
    assert.equal((await host.client.list()).length, 3);
    clients[1]!.dispose();
  });

  it('tell the other clients that a person types, and how much, but not what', async () => {
    const { sessionId } = await host.client.create(createParams('sleep 1000'));
    const other = await host.world.client();
    const told: object[] = [];
    for (const [name, one] of Object.entries({ client: host.client, other })) {
      one.onTypedElsewhere((typed) => told.push({ name, ...typed }));
    }
    host.client.tellTyped('0'.repeat(32), 1);
    host.client.tellTyped(sessionId, 5);
    await waitFor('the other to be told', () => told.length > 0);
    assert.deepEqual(told, [{ name: 'other', sessionId, characters: 5 }]);
    assert.equal(host.client.isClosed, false);
    other.dispose();
  });

  it('reach the foreground program with a signal and spare the shell', async () => {
    const { sessionId } = await host.client.create(createParams('', { file: '/bin/bash', args: ['--norc', '-i'] }));
    const viewer = await Viewer.open(host.client, { sessionId });
    await host.client.write(sessionId, Buffer.from('bash -c \'echo star""ted; exec sleep 1000\'; echo status $?\r'));
    await waitFor('the program', () => viewer.text.includes('started\r\n'));
    await host.client.signal(sessionId, 'SIGTERM');
    await waitFor('its status', () => viewer.text.includes('status 143'));
    assert.equal((await host.client.list())[0]?.exit, null);
  });

  it('tell exit codes and signals apart', async () => {
    const cases = [
      { script: 'exit 0', exit: { exitCode: 0, signal: null } },
      { script: 'exit 255', exit: { exitCode: 255, signal: null } },
      { script: 'kill -TERM $$', exit: { exitCode: null, signal: 15 } },
      { script: 'exec /nosuch', exit: { exitCode: 127, signal: null } },
    ];
    for (const { script, exit } of cases) {
      const { sessionId } = await host.client.create(createParams(script));
      const viewer = await Viewer.open(host.client, { sessionId });
      const { exitCode, signal } = await waitFor(script, () => viewer.exited);
      assert.deepEqual({ exitCode, signal }, exit, script);
    }
  });

  it('end the whole tree of a session on close: jobs, stopped programs, and those that ignore SIGHUP', async () => {
    const script =
      'sleep 1000 & echo $!; (trap "" HUP TERM; echo $(exec sh -c "echo \\$PPID"); while :; do sleep 1; done) & sleep 1000';
    const { sessionId, pid } = await host.client.create(
      createParams('', { file: '/bin/bash', args: ['--norc', '-i'] }),
    );
    const viewer = await Viewer.open(host.client, { sessionId });
    await host.client.write(sessionId, Buffer.from(`${script}\r`));
    const pids = await waitFor('three processes', () => {
      const found = [...viewer.text.matchAll(/^(\d+)\r$/gm)].map((match) => Number(match[1]));
      return found.length >= 2 && found;
    });
    await host.client.write(sessionId, Buffer.from([26]));
    await waitFor('the job to stop', () => viewer.text.includes('Stopped'));
    const ended: string[] = [];
    host.client.onSessionsChanged(({ sessionId: changed, change }) => changed === sessionId && ended.push(change));
    await host.client.close(sessionId);
    await waitFor('the processes to end', () => [pid, ...pids].every((one) => !isAlive(one)));
    assert.deepEqual(await host.client.list(), []);
    assert.deepEqual(ended, ['exited', 'removed']);
    assert.deepEqual(
      viewer.events.map(({ kind }) => kind),
      ['exited', 'ended'],
    );
  });

  it('are refused with what is wrong when a program cannot be started', async () => {
    const file = path.join(host.world.dataFolder, 'not-executable');
    writeFileSync(file, 'text', { mode: 0o644 });
    const create = (more: object) => host.client.create(createParams('true', more));
    const cases: [object, string, RegExp][] = [
      [{ file: '/bin/nosuch' }, 'InvalidShell', /\/bin\/nosuch does not exist/],
      [{ file: 'nosuch-anywhere' }, 'InvalidShell', /no program "nosuch-anywhere" in the PATH/],
      [{ file: '/tmp' }, 'InvalidShell', /\/tmp is not a program/],
      [{ file: '/etc/passwd/x' }, 'InvalidShell', /a part of its path is a file/],
      [{ cwd: '/nosuch' }, 'InvalidCwd', /\/nosuch does not exist/],
      [{ cwd: '/etc/passwd' }, 'InvalidCwd', /\/etc\/passwd is not a folder/],
      [{ cwd: 'relative' }, 'InvalidCwd', /must be an absolute path/],
      [{ env: { 'A=B': 'x' } }, 'InvalidEnvironment', /"A=B" cannot be the name/],
      [{ env: { '': 'x' } }, 'InvalidEnvironment', /cannot be the name/],
      [{ env: { A: 'x\0y' } }, 'InvalidEnvironment', /A holds a NUL/],
      [{ env: { A: 5 } }, 'InvalidEnvironment', /A must be text/],
      [{ env: { A: 'x'.repeat(600_000) } }, 'InvalidEnvironment', /524288 are allowed/],
      [{ file }, 'InvalidShell', process.getuid?.() === 0 ? /./ : /may not be used/],
      [{ cols: 0 }, 'InvalidParams', /"cols" of "create" must be a whole number from 1 to 1000/],
      [{ rows: 1.5 }, 'InvalidParams', /"rows"/],
      [{ args: ['a\0b'] }, 'InvalidParams', /"args"/],
      [{ metadata: 'é'.repeat(2_049) }, 'InvalidParams', /at most 4096 bytes/],
      [{ surprise: 1 }, 'InvalidParams', /has no parameter "surprise"/],
    ];
    for (const [more, reason, message] of cases) {
      await assert.rejects(create(more), { reason, message }, JSON.stringify(more).slice(0, 80));
    }
    assert.deepEqual(await host.client.list(), []);
  });

  it('are refused for sessions that are not there or have exited', async () => {
    const unknown = '0'.repeat(32);
    await assert.rejects(host.client.write(unknown, Buffer.from('x')), { reason: 'NotFound' });
    await assert.rejects(host.client.resize(unknown, { cols: 80, rows: 24 }), { reason: 'NotFound' });
    await assert.rejects(host.client.subscribe({ sessionId: unknown }), { reason: 'NotFound' });
    await assert.rejects(host.client.close(unknown), { reason: 'NotFound' });
    const { sessionId } = await host.client.create(createParams('read done'));
    await assert.rejects(host.client.forget(sessionId), { reason: 'InvalidParams', message: /still runs/ });
    await assert.rejects(host.client.subscribe({ sessionId, fromOffset: 1_000 }), { reason: 'InvalidParams' });
    await assert.rejects(host.client.setCheckpoint(sessionId, { offset: 9, data: Buffer.alloc(0) }), {
      reason: 'InvalidParams',
    });
    await host.client.write(sessionId, Buffer.from('\n'));
    await waitFor('the exit', async () => (await host.client.list())[0]?.exit ?? undefined);
    await assert.rejects(host.client.write(sessionId, Buffer.from('x')), { reason: 'Conflict' });
    await assert.rejects(host.client.signal(sessionId, 'SIGINT'), { reason: 'Conflict' });
    await assert.rejects(host.client.resize(sessionId, { cols: 80, rows: 24 }), { reason: 'Conflict' });
  });

  it('keep metadata and a checkpoint of the greatest size, and list more sessions than fit into one answer', async () => {
    const metadata = '\u0001'.repeat(4_096);
    const created = [];
    for (let index = 0; index < 40; index++) {
      created.push((await host.client.create(createParams('read done', { metadata }))).sessionId);
    }
    const listed = await host.client.list();
    assert.deepEqual(
      listed.map((session) => session.sessionId),
      created,
    );
    assert.ok(listed.every((session) => session.metadata === metadata));
    const [first] = created;
    await host.client.setMetadata(first!, 'changed');
    const data = Buffer.alloc(786_432, 5);
    await host.client.setCheckpoint(first!, { offset: 0, data });
    assert.equal((await host.client.list())[0]?.metadata, 'changed');
    assert.deepEqual(await host.client.getCheckpoint(first!), { offset: 0, data });
    assert.equal(await host.client.getCheckpoint(created[1]!), null);
    const tooLarge = { offset: 0, data: Buffer.alloc(786_433) };
    await assert.rejects(host.client.setCheckpoint(first!, tooLarge), {
      reason: 'InvalidParams',
      message: /786432 are allowed/,
    });
  }).timeout(60_000);

  it('are answered in full when one client asks for far more at a time than it can read', async () => {
    const { sessionId } = await host.client.create(createParams('exec sleep 1000'));
    const data = Buffer.alloc(786_432, 0x73);
    await host.client.setCheckpoint(sessionId, { offset: 0, data });
    const checkpoints = await Promise.all(Array.from({ length: 40 }, () => host.client.getCheckpoint(sessionId)));
    assert.ok(checkpoints.every((checkpoint) => checkpoint && Buffer.compare(checkpoint.data, data) === 0));
    assert.equal(host.client.isClosed, false);
  });

  it('end early by their signal, and a program that was started all the same is closed again', async () => {
    const controller = new AbortController();
    const creation = host.client.create(createParams('read done'), controller.signal);
    controller.abort();
    await assert.rejects(creation, { reason: 'Cancelled' });
    await assert.rejects(host.client.list(controller.signal), { reason: 'Cancelled' });
    const changes: string[] = [];
    const listening = host.client.onSessionsChanged(({ change }) => changes.push(change));
    await waitFor('the program to be closed', () => changes.includes('removed'));
    listening.dispose();
    assert.deepEqual(await host.client.list(), []);
  });

  it('are all rejected with Unavailable, and subscriptions ended, when the host is killed', async () => {
    const own = await PtyHostWorld.open();
    try {
      const victim = await own.client();
      const { sessionId } = await victim.create(createParams('read done'));
      const viewer = await Viewer.open(victim, { sessionId });
      let reason: string | undefined;
      victim.onClosed((error) => (reason = error.reason));
      // Stopped first, so that it cannot do what it is asked before it dies.
      process.kill(victim.identity.pid, 'SIGSTOP');
      const closing = victim.close(sessionId);
      process.kill(victim.identity.pid, 'SIGKILL');
      await assert.rejects(closing, { reason: 'Unavailable' });
      assert.equal(reason, 'Unavailable');
      assert.deepEqual(viewer.events, [{ kind: 'ended' }]);
      await assert.rejects(victim.list(), { reason: 'Unavailable' });
    } finally {
      await own.close();
    }
  });

  it('notice within 17 s that the host has stopped answering', async () => {
    const own = await PtyHostWorld.open();
    let pid: number | undefined;
    try {
      const victim = await own.client();
      pid = victim.identity.pid;
      process.kill(pid, 'SIGSTOP');
      const pending = assert.rejects(victim.list(), { reason: 'TimedOut' });
      let message = '';
      victim.onClosed((error) => (message = error.message));
      await pending;
      await waitFor('the heartbeat to fail', () => message !== '', 17_000);
      assert.match(message, /has not answered for 11 s/);
    } finally {
      if (pid !== undefined) process.kill(pid, 'SIGCONT');
      await own.close();
    }
  }).timeout(40_000);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // ESRCH: it has ended.
    return false;
  }
}
