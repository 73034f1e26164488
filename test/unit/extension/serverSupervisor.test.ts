import * as assert from 'node:assert/strict';
import { ServerSupervisor } from '../../../extension/src/server/serverSupervisor.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { FakeClock, settle } from './fakeClock.ts';
import { healthReport, memoryLog, ScriptedServer } from './scriptedServer.ts';

describe('The supervision of the server', () => {
  let clock: FakeClock;
  let log: ReturnType<typeof memoryLog>;
  let servers: ScriptedServer[];
  let supervisor: ServerSupervisor;
  let states: string[];
  let toldRestarts: number[];
  /** What the next servers do, by the order of their starts. */
  let script: ((server: ScriptedServer) => void)[];

  function prepare(makeServer = () => new ScriptedServer(clock)): void {
    supervisor = new ServerSupervisor({
      clock,
      log,
      random: () => 0.5,
      launch: (restarts) => {
        toldRestarts.push(restarts);
        const server = makeServer();
        script[servers.length]?.(server);
        servers.push(server);
        return server;
      },
    });
    supervisor.onChanged(({ state }) => {
      if (states.at(-1) !== state) states.push(state);
    });
  }

  function supervise(makeServer?: () => ScriptedServer): void {
    prepare(makeServer);
    supervisor.start();
  }

  beforeEach(() => {
    clock = new FakeClock();
    log = memoryLog();
    servers = [];
    states = [];
    toldRestarts = [];
    script = [];
  });

  afterEach(async () => {
    const stopped = supervisor.stop();
    await clock.advance(10_000);
    await stopped;
    supervisor.dispose();
    assert.equal(clock.pendingTimers, 0, 'a timer is left');
    assert.equal(supervisor.listenerCount, 0, 'a listener is left');
  });

  it('becomes ready with the first handshake and starts only one server', async () => {
    script = [(server) => server.becomesReady()];
    supervise();
    supervisor.start();
    await clock.advance(60_000);
    assert.deepEqual(states, ['starting', 'ready']);
    assert.equal(servers.length, 1);
    assert.equal(supervisor.status.version, '1.2.3');
    assert.equal(supervisor.status.generation, 1);
    assert.equal(servers[0]?.asked, 1 + 12, 'asks for the health at once and every 5 s');
  });

  it('kills a server that does not answer the handshake within 10 s, and gives up after three', async () => {
    supervise();
    await clock.advance(9_999);
    assert.equal(servers[0]?.killed, 0);
    await clock.advance(1);
    assert.equal(servers[0].killed, 1);
    await clock.advance(249);
    assert.equal(servers.length, 1, 'waits 0.25 s before the second attempt');
    await clock.advance(1);
    assert.equal(servers.length, 2);
    await clock.advance(10_000 + 999);
    assert.equal(servers.length, 2, 'waits 1 s before the third attempt');
    await clock.advance(1);
    assert.equal(servers.length, 3);
    await clock.advance(3_600_000);
    assert.equal(servers.length, 3);
    assert.deepEqual(states, ['starting', 'restarting', 'stopped']);
    assert.equal(supervisor.status.failure?.kind, 'handshakeFailed');
    assert.match(supervisor.status.failure.detail, /10 s/);
  });

  it('does not try again when the contract has another major version', async () => {
    script = [(server) => server.becomesReady({ major: 2, minor: 0 })];
    supervise();
    await clock.advance(60_000);
    assert.equal(servers.length, 1);
    assert.equal(servers[0]?.killed, 1);
    assert.deepEqual(states, ['starting', 'stopped']);
    assert.equal(supervisor.status.failure?.kind, 'incompatible');
    assert.match(supervisor.status.failure.detail, /2\.0.*1\.0/);
  });

  it('does not try again when the server refuses this client as unsupported', async () => {
    script = [(server) => server.refuses(new CodedError('Unsupported', 'it wants contract 3.0'))];
    supervise();
    await clock.advance(60_000);
    assert.equal(servers.length, 1);
    assert.equal(supervisor.status.failure?.kind, 'incompatible');
  });

  it('starts again at once after the first crash and is then called recovered', async () => {
    script = [(server) => server.becomesReady(), (server) => server.becomesReady()];
    supervise(() => new ScriptedServer(clock, () => new Promise(() => undefined)));
    await clock.advance(100);
    servers[0]?.dies();
    await settle();
    assert.equal(servers.length, 2);
    assert.deepEqual(states, ['starting', 'ready', 'restarting', 'recovered']);
    assert.equal(supervisor.status.restarts, 1);
    assert.equal(supervisor.status.generation, 2);
  });

  it('waits 0.25, 1 and 4 s before the restarts after that, and stops at the fifth crash in three minutes', async () => {
    script = Array.from({ length: 9 }, () => (server: ScriptedServer) => server.becomesReady());
    supervise();
    await clock.advance(1);
    for (const [index, waitMs] of [0, 250, 1_000, 4_000].entries()) {
      servers[index]?.dies();
      await settle();
      if (waitMs > 0) {
        await clock.advance(waitMs - 1);
        assert.equal(servers.length, index + 1, `crash ${index + 1} is followed by a wait of ${waitMs} ms`);
        await clock.advance(1);
      }
      assert.equal(servers.length, index + 2);
    }
    servers[4]?.dies();
    await clock.advance(3_600_000);
    assert.equal(servers.length, 5);
    assert.equal(supervisor.status.state, 'stopped');
    assert.equal(supervisor.status.failure?.kind, 'crashedTooOften');
    assert.match(supervisor.status.failure.detail, /SIGKILL/);
  });

  it('never stops over crashes that are more than three minutes apart', async () => {
    script = Array.from({ length: 20 }, () => (server: ScriptedServer) => server.becomesReady());
    supervise();
    for (let crash = 0; crash < 12; crash++) {
      await clock.advance(180_000);
      servers.at(-1)?.dies();
    }
    await clock.advance(1_000);
    assert.equal(servers.length, 13);
    assert.equal(supervisor.status.state, 'ready');
  });

  it('kills and replaces a server after two questions in a row without an answer', async () => {
    script = [(server) => server.becomesReady(), (server) => server.becomesReady()];
    supervise(() =>
      servers.length === 0 ? new ScriptedServer(clock, () => new Promise(() => undefined)) : new ScriptedServer(clock),
    );
    await clock.advance(3_000 + 1_000 + 2_999);
    assert.equal(servers[0]?.killed, 0);
    await clock.advance(1);
    assert.equal(servers[0].killed, 1);
    assert.equal(servers.length, 2);
    assert.ok(log.lines.some((line) => line.startsWith('error: The server does not respond')));
  });

  it('does not count silence while the machine slept', async () => {
    let isAnswering = true;
    script = [(server) => server.becomesReady()];
    supervise(
      () =>
        new ScriptedServer(clock, () => (isAnswering ? Promise.resolve(healthReport()) : new Promise(() => undefined))),
    );
    await clock.advance(10);
    isAnswering = false;
    await clock.advance(5_000);
    for (let nap = 0; nap < 5; nap++) {
      await clock.sleep(60_000);
      await clock.advance(5_000);
    }
    assert.equal(servers[0]?.killed, 0);
    assert.equal(servers.length, 1);
  });

  it('does not count silence while other messages come', async () => {
    script = [(server) => server.becomesReady()];
    supervise(() => new ScriptedServer(clock, () => new Promise(() => undefined)));
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      servers[0]!.lastMessageAt = clock.now();
    }
    assert.equal(servers[0]?.killed, 0);
  });

  it('asks for the health every second while a request waits', async () => {
    script = [(server) => server.becomesReady()];
    supervise();
    await clock.advance(10);
    const before = servers[0]!.asked;
    const request = supervisor.requestBegan();
    await clock.advance(10_000);
    assert.equal(servers[0]!.asked - before, 10);
    request.dispose();
    await clock.advance(1_000);
    const quiet = servers[0]!.asked;
    await clock.advance(10_000);
    assert.equal(servers[0]!.asked - quiet, 2);
  });

  it('shows a degraded server as degraded and as ready again once it is', async () => {
    let report = healthReport('degraded');
    script = [(server) => server.becomesReady()];
    supervise(() => new ScriptedServer(clock, () => Promise.resolve(report)));
    await clock.advance(10);
    assert.equal(supervisor.status.state, 'degraded');
    report = healthReport('ready');
    await clock.advance(5_000);
    assert.equal(supervisor.status.state, 'ready');
  });

  it('lets a request wait for a restart, and says so when that takes too long', async () => {
    script = [(server) => server.becomesReady()];
    supervise();
    await clock.advance(10);
    servers[0]?.dies();
    await settle();
    const patient = supervisor.whenUsable(5_000);
    const hasty = supervisor.whenUsable(1_000);
    const refused = assert.rejects(hasty, (error: CodedError) => error.reason === 'Unavailable');
    await clock.advance(1_000);
    await refused;
    servers[1]?.becomesReady();
    await settle();
    assert.equal(await patient, servers[1]);
  });

  it('lets a request wait that comes before the start', async () => {
    script = [(server) => server.becomesReady()];
    prepare();
    const early = supervisor.whenUsable(5_000);
    await clock.advance(100);
    supervisor.start();
    await clock.advance(100);
    assert.equal(await early, servers[0]);
  });

  it('refuses a request at once when it has given up, and restarts when told', async () => {
    script = [(server) => server.becomesReady({ major: 9, minor: 0 }), (server) => server.becomesReady()];
    supervise();
    await clock.advance(10);
    await assert.rejects(supervisor.whenUsable(5_000), { reason: 'Unavailable' });
    await supervisor.restart();
    await clock.advance(10);
    assert.equal(supervisor.status.state, 'ready');
    assert.equal(supervisor.status.failure, undefined);
  });

  it('calls the server ready, not recovered, after a restart that was asked for', async () => {
    script = Array.from({ length: 3 }, () => (server: ScriptedServer) => server.becomesReady());
    const silent = (): ScriptedServer => new ScriptedServer(clock, () => new Promise(() => undefined));
    supervise(silent);
    await clock.advance(10);
    servers[0]?.dies();
    await settle();
    assert.equal(supervisor.status.state, 'recovered');
    await supervisor.restart();
    await settle();
    assert.deepEqual(states, ['starting', 'ready', 'restarting', 'recovered', 'restarting', 'ready']);
    assert.deepEqual(toldRestarts, [0, 1, 0], 'what the servers were told of crashes before them');
  });

  it('has a server that can be asked after two restarts that overlapped', async () => {
    script = [
      (server) => {
        server.endsWhenAsked = false;
        server.becomesReady();
      },
      (server) => server.becomesReady(),
    ];
    supervise();
    await clock.advance(10);
    const first = supervisor.restart();
    await clock.advance(500);
    const second = supervisor.restart();
    await clock.advance(10_000);
    await Promise.all([first, second]);
    await settle();
    assert.equal(servers.length, 2);
    assert.equal(supervisor.usableServer, servers[1]);
    assert.equal(supervisor.status.pid, servers[1]?.pid);
    assert.equal(servers[1]?.killed, 0);
  });

  it('stays stopped when it is stopped during a restart', async () => {
    script = [(server) => server.becomesReady()];
    supervise();
    await clock.advance(10);
    await Promise.all([supervisor.restart(), supervisor.stop()]);
    await clock.advance(10_000);
    assert.equal(servers.length, 1);
    assert.equal(supervisor.status.state, 'stopped');
  });

  it('ends the server when stopped, by force where it does not end within 2 s', async () => {
    script = [
      (server) => {
        server.endsWhenAsked = false;
        server.becomesReady();
      },
    ];
    supervise();
    await clock.advance(10);
    const stopped = supervisor.stop();
    await clock.advance(1_999);
    assert.equal(servers[0]?.killed, 0);
    await clock.advance(1);
    await stopped;
    assert.equal(servers[0].killed, 1);
    assert.equal(supervisor.status.state, 'stopped');
    assert.equal(servers.length, 1);
  });

  it('can be stopped during a handshake and during a wait', async () => {
    supervise();
    await clock.advance(100);
    await supervisor.stop();
    assert.equal(servers.length, 1);
    supervisor.start();
    servers[1]?.dies();
    await settle();
    await supervisor.stop();
    await clock.advance(60_000);
    assert.equal(servers.length, 2);
  });
});
