import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { systemClock, type Clock } from '../../../extension/src/base/clock.ts';
import { createEditorHandlers } from '../../../extension/src/editor/editorHandlers.ts';
import { Secrets } from '../../../extension/src/secrets.ts';
import { connect } from '../../../extension/src/server/languageClient.ts';
import { ServerClient } from '../../../extension/src/server/serverClient.ts';
import { createServerLauncher } from '../../../extension/src/server/serverLauncher.ts';
import { ServerSupervisor } from '../../../extension/src/server/serverSupervisor.ts';
import { describeFailure } from '../../../extension/src/serverMessages.ts';
import { contractVersion } from '../../../server/protocol/version.ts';
import { findProjectFolder } from '../findProjectFolder.ts';
import { fastClock, isAlive, PopupCounter, until } from '../supervision.ts';

/** A secret storage that these servers never ask. */
const noSecrets = { get: () => Promise.resolve(undefined) } as unknown as vscode.SecretStorage;

describe('A faulty server in the real extension host', () => {
  let log: vscode.LogOutputChannel;
  let supervisor: ServerSupervisor;
  let client: ServerClient;
  let states: string[];
  let pids: Set<number>;
  let popups: PopupCounter;
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);

  function supervise(fixture: string, clock: Clock = systemClock): void {
    const launch = createServerLauncher({
      modulePath: path.join(findProjectFolder(__dirname), 'test', 'fixtures', 'faultyServers', `${fixture}.js`),
      args: ['lsp', '--node-ipc'],
      log,
      loadClient: () => ({ connect }),
      handlers: createEditorHandlers(new Secrets(noSecrets), { chunk: () => undefined, ended: () => undefined }),
      describeClient: (restarts) => ({
        contractVersion,
        correlationId: 'startup-test',
        workspace: { folders: [], trusted: true },
        settings: {},
        restarts,
      }),
    });
    supervisor = new ServerSupervisor({ launch, clock, log, random: () => 0.5 });
    client = new ServerClient(supervisor, clock, log);
    supervisor.onChanged(({ state, pid }) => {
      if (states.at(-1) !== state) states.push(state);
      if (pid !== undefined) pids.add(pid);
    });
    supervisor.start();
  }

  before(() => {
    log = vscode.window.createOutputChannel('Faulty servers', { log: true });
    process.on('unhandledRejection', onUnhandled);
    const probe = new PopupCounter();
    void vscode.window.showInformationMessage('Is this seen?');
    probe.dispose();
    assert.deepEqual(probe.shown, ['Is this seen?'], 'messages that pop up could not be seen');
  });

  beforeEach(() => {
    states = [];
    pids = new Set();
    popups = new PopupCounter();
  });

  afterEach(async () => {
    await supervisor.stop();
    client.dispose();
    supervisor.dispose();
    popups.dispose();
    assert.equal(supervisor.listenerCount, 0, 'a listener of the supervision is left');
    await until('every server process has ended', () => [...pids].every((pid) => !isAlive(pid)));
    assert.deepEqual(popups.shown, [], 'a message popped up');
    assert.deepEqual(unhandled, [], 'a rejection was not handled');
  });

  after(() => {
    process.off('unhandledRejection', onUnhandled);
    log.dispose();
  });

  it('that dies during initialize is tried three times, and then said to be so', async () => {
    supervise('diesDuringInitialize');
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(pids.size, 3);
    assert.deepEqual(states, ['starting', 'restarting', 'stopped']);
    const failure = supervisor.status.failure!;
    assert.equal(failure.kind, 'handshakeFailed');
    assert.match(describeFailure(failure), /three attempts.*code 7/);
    await assert.rejects(client.request('server/info', {}), { reason: 'Unavailable' });
  });

  it('that says why it cannot start is quoted', async () => {
    supervise('saysWhyItEnds');
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.match(
      describeFailure(supervisor.status.failure!),
      /three attempts: The disk is read-only\. Make it writable\.$/,
    );
  });

  it('that never answers is killed when its time is over, three times', async () => {
    supervise('neverAnswers', fastClock(10));
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(pids.size, 3);
    assert.match(describeFailure(supervisor.status.failure!), /did not answer within 10 s/);
  });

  it('that blocks its main thread is killed and replaced while a request waits', async () => {
    supervise('blocksMainThread');
    await until('the server is ready', () => supervisor.status.state === 'ready');
    const [first] = pids;
    const request = assert.rejects(client.request('terminal/create', {}), { reason: 'Unavailable' });
    await until('a second server is ready', () => supervisor.status.generation === 2);
    await request;
    assert.equal(isAlive(first!), false);
    assert.deepEqual(states.slice(0, 3), ['starting', 'ready', 'restarting']);
  }).timeout(60_000);

  it('whose grandchild holds its stderr is missed at once when it is killed', async () => {
    supervise('leavesGrandchild');
    await until('the server is ready', () => supervisor.status.state === 'ready');
    const grandchildren = [Number(supervisor.status.version?.split('-')[1])];
    try {
      const killedAt = Date.now();
      process.kill(supervisor.status.pid!, 'SIGKILL');
      await until('a second server is ready', () => supervisor.status.generation === 2);
      grandchildren.push(Number(supervisor.status.version?.split('-')[1]));
      assert.ok(isAlive(grandchildren[0]!), 'the grandchild has ended too early to show anything');
      assert.ok(Date.now() - killedAt < 10_000, 'the end was noticed by the health only');
    } finally {
      for (const pid of grandchildren) process.kill(pid, 'SIGKILL');
    }
  });

  it('that floods stays in use, with its toasts in the log and nowhere else', async () => {
    supervise('floods');
    await until('the server is ready', () => supervisor.status.state === 'ready');
    const { generation, pid } = supervisor.status;
    for (let question = 0; question < 5; question++) {
      const health = await client.request('server/health', {});
      assert.equal(health.status, 'ready');
    }
    assert.deepEqual(
      { generation: supervisor.status.generation, pid: supervisor.status.pid },
      { generation, pid },
      'the flood was taken for silence',
    );
  });

  it('that crashes again and again is left alone after the fifth time', async () => {
    supervise('crashLoops', fastClock(10));
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(pids.size, 5);
    assert.equal(supervisor.status.failure?.kind, 'crashedTooOften');
    assert.match(describeFailure(supervisor.status.failure), /five times within three minutes.*SIGABRT/);
    await supervisor.restart();
    await until('the person can start it again', () => supervisor.usableServer !== undefined);
  });

  it('that speaks another contract is refused once, with both versions in the message', async () => {
    supervise('wrongContract');
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(pids.size, 1);
    assert.match(describeFailure(supervisor.status.failure!), /does not fit.*99\.0.*1\.0/);
  });

  it('that answers the handshake with nonsense is refused once', async () => {
    supervise('answersNonsense');
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(pids.size, 1);
    assert.equal(supervisor.status.failure?.kind, 'incompatible');
  });

  it('that does not want to end is ended within 2 s', async () => {
    supervise('refusesToEnd');
    await until('the server is ready', () => supervisor.status.state === 'ready');
    const { pid } = supervisor.status;
    const askedAt = Date.now();
    await supervisor.stop();
    assert.ok(Date.now() - askedAt < 4_000);
    assert.equal(isAlive(pid!), false);
  });

  it('that does not exist is reported like one that cannot be started', async () => {
    supervise('noSuchFile');
    await until('the supervision gives up', () => supervisor.status.state === 'stopped');
    assert.equal(supervisor.status.failure?.kind, 'handshakeFailed');
  });

  it('leaves nothing behind when it is restarted five times', async () => {
    supervise('leavesGrandchild');
    const grandchildren = new Set<number>();
    try {
      const listenersBefore = vscodeListeners();
      for (let round = 1; round <= 5; round++) {
        await until(`server ${round} is ready`, () => supervisor.status.generation === round);
        grandchildren.add(Number(supervisor.status.version?.split('-')[1]));
        if (round < 5) await supervisor.restart();
      }
      assert.equal(vscodeListeners(), listenersBefore, 'listeners of the process have piled up');
      assert.equal(supervisor.listenerCount, 2, 'the test and the client listen, and nobody else');
    } finally {
      for (const pid of grandchildren) process.kill(pid, 'SIGKILL');
    }
  });
});

function vscodeListeners(): number {
  return ['exit', 'message', 'disconnect', 'unhandledRejection', 'uncaughtException'].reduce(
    (sum, event) => sum + process.listenerCount(event),
    0,
  );
}
