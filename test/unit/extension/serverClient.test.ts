import * as assert from 'node:assert/strict';
import { ServerClient } from '../../../extension/src/server/serverClient.ts';
import { ServerSupervisor } from '../../../extension/src/server/serverSupervisor.ts';
import { FakeClock, settle } from './fakeClock.ts';
import { memoryLog, ScriptedServer } from './scriptedServer.ts';

describe('A request to the server', () => {
  let clock: FakeClock;
  let servers: ScriptedServer[];
  let supervisor: ServerSupervisor;
  let client: ServerClient;

  beforeEach(async () => {
    clock = new FakeClock();
    servers = [];
    const log = memoryLog();
    const launch = (): ScriptedServer => {
      const server = new ScriptedServer(clock);
      servers.push(server);
      return server;
    };
    supervisor = new ServerSupervisor({ clock, log, random: () => 0.5, launch });
    client = new ServerClient(supervisor, clock, log);
    supervisor.start();
    servers[0]?.becomesReady();
    await clock.advance(10);
  });

  afterEach(async () => {
    client.dispose();
    const stopped = supervisor.stop();
    await clock.advance(10_000);
    await stopped;
    supervisor.dispose();
    assert.equal(clock.pendingTimers, 0, 'a timer is left');
    assert.equal(supervisor.listenerCount, 0, 'a listener is left');
  });

  it('that only asks is asked again of the next server when the first dies over it', async () => {
    const listed = client.request('terminal/list', {});
    const rejected = assert.rejects(listed, { reason: 'TimedOut' });
    await settle();
    servers[0]?.dies();
    await settle();
    servers[1]?.becomesReady();
    await clock.advance(10);
    assert.deepEqual(servers[1]?.requests, ['terminal/list']);
    await clock.advance(40_000);
    await rejected;
  });

  it('that does something is rejected when the server dies over it, and not sent twice', async () => {
    const rejected = assert.rejects(client.request('terminal/create', {}), { reason: 'Unavailable' });
    await settle();
    servers[0]?.dies();
    await settle();
    servers[1]?.becomesReady();
    await clock.advance(1_000);
    await rejected;
    assert.deepEqual(servers[1]?.requests, []);
  });

  it('is never sent to a server that has ended already', async () => {
    servers[0]!.dies();
    const waiting = client.request('terminal/create', {}, { waitMs: 500 });
    const rejected = assert.rejects(waiting, { reason: 'Unavailable' });
    await clock.advance(500);
    await rejected;
    assert.deepEqual(servers[0]?.requests, []);
  });

  it('is given up after its time limit, and says so', async () => {
    const rejected = assert.rejects(client.request('terminal/create', {}, { timeoutMs: 2_000 }), {
      reason: 'TimedOut',
      message: /terminal\/create within 2 s/,
    });
    await clock.advance(2_000);
    await rejected;
  });

  it('makes the supervision ask for the health every second until it is answered', async () => {
    const before = servers[0]!.asked;
    const rejected = assert.rejects(client.request('terminal/create', {}, { timeoutMs: 10_000 }));
    await clock.advance(10_000);
    await rejected;
    assert.equal(servers[0]!.asked - before, 10);
  });
});
