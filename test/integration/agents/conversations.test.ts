import * as assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { createProcessTable, type ProcessTable } from '../../../server/src/base/processTable.ts';
import { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { calls, says } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('Conversations', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open();
  });

  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  /** The storage of another server on the same data folder; `processes` tells it which others live. */
  function openOtherStore(processes: ProcessTable = createProcessTable()): JournalStore {
    const { logger } = recordingLogger();
    return new JournalStore({ dataFolder: world.dataFolder, logger, clock: systemClock, processes });
  }

  it('can be cancelled at any moment, and go on afterwards', async () => {
    const stages = [
      {
        name: 'before the first byte',
        reply: { delayMs: 60_000, stream: [] },
        until: () => world.model.chats.length > 0,
      },
      {
        name: 'in the middle of the text',
        reply: { stream: [{ text: 'Half an ans' }, { stall: true }] },
        until: () => world.client.events.some(({ update }) => update.sessionUpdate === 'agent_message_chunk'),
      },
      {
        name: 'between the pieces of a tool call',
        reply: {
          stream: [
            {
              raw: 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"read_file","arguments":"{"}}]}}]}\n\n',
            },
            { stall: true },
          ],
        },
        until: () => world.model.chats.length > 0,
      },
      {
        name: 'while it waits to try again',
        reply: { status: 503, headers: { 'retry-after': '30' } },
        until: () => world.model.chats.length > 0,
      },
    ] as const;
    for (const { name, reply, until } of stages) {
      world.client.events.length = 0;
      world.model.requests.length = 0;
      world.model.play({ models: ['test-model'] });
      const sessionId = await world.begin(reply);
      const turn = world.prompt(sessionId, 'hello');
      await waitFor(name, until);
      world.sessions.cancel(sessionId);
      assert.equal((await turn).stopReason, 'cancelled', name);
      assert.equal((await world.update('turn_ended')).stopReason, 'cancelled', name);
      if ('stream' in reply) {
        await waitFor(`the request to be ended ${name}`, () => world.model.requests.at(-1)?.wasAborted);
      }
      world.model.willReply(says('Here again.'));
      assert.equal((await world.prompt(sessionId, 'again')).stopReason, 'end_turn', name);
      world.sessions.detach(sessionId, world.client);
    }
  });

  it('run one turn at a time', async () => {
    const sessionId = await world.begin({ stream: [{ text: 'Wait' }, { stall: true }] });
    const turn = world.prompt(sessionId, 'one');
    await world.update('agent_message_chunk');
    await assert.rejects(world.prompt(sessionId, 'two'), { reason: 'Conflict' });
    await assert.rejects(world.sessions.delete(sessionId), { reason: 'Conflict' });
    assert.deepEqual(world.audit.events, []);
    world.sessions.cancel(sessionId);
    await turn;
    assert.equal(world.model.chats.length, 1);
  });

  it('take the next prompt as soon as a client has seen the end of the turn', async () => {
    const sessionId = await world.begin(says('One.'), says('Two.'));
    const next = new Promise<{ stopReason: string }>((resolve, reject) => {
      world.client.onEvent = ({ update }) => {
        if (update.sessionUpdate !== 'turn_ended') return;
        world.client.onEvent = () => undefined;
        world.prompt(sessionId, 'two').then(resolve, reject);
      };
    });
    await world.prompt(sessionId, 'one');
    assert.equal((await next).stopReason, 'end_turn');
  });

  it('are opened again for writing while they are just being closed to make room', async () => {
    const ids = [];
    for (let count = 0; count < 32; count++) ids.push((await world.sessions.create(world.workspaceFolder)).sessionId);
    const [oldest] = ids;
    assert.ok(oldest);
    const creating = world.sessions.create(world.workspaceFolder);
    // Its closing has begun once it is counted no more, and takes some rounds of the disk from there.
    while (world.sessions.openCount === 32) await new Promise(setImmediate);
    const attached = await world.sessions.attach(oldest, undefined, world.client);
    await creating;
    assert.equal(attached.access, 'write');
    assert.ok(world.sessions.openCount <= 32);
  });

  it('stay open for clients that are just attaching, however little memory is left', async () => {
    const { sessionId } = await world.sessions.create(world.workspaceFolder);
    await world.restart();
    const attaching = world.sessions.attach(sessionId, undefined, world.client).then(() => 'attached');
    const closing = (): Promise<string> => world.sessions.closeUnused().then(() => 'closed');
    while ((await Promise.race([attaching, closing()])) === 'closed') await new Promise(setImmediate);
    await world.sessions.rename(sessionId, 'Told to those who watch');
    await world.update('session_info_update');
    world.sessions.detach(sessionId, world.client);
    await world.sessions.closeUnused();
    assert.equal(world.sessions.openCount, 0);
  });

  it('tell that the disk is full, and go on once it is not', async () => {
    const sessionId = await world.begin({
      stream: [{ text: 'Half ' }, { waitMs: 300 }, { text: 'more' }, { finish: 'stop' }],
    });
    const turn = world.prompt(sessionId, 'one');
    await world.update('agent_message_chunk');
    world.disk.isFull = true;
    await assert.rejects(turn, { reason: 'Unavailable' });
    assert.equal((await world.sessions.list(undefined))[0]?.running, false);
    await assert.rejects(world.prompt(sessionId, 'two'), { reason: 'Unavailable' });
    world.disk.isFull = false;
    world.model.willReply(says('Three.'));
    assert.equal((await world.prompt(sessionId, 'three')).stopReason, 'end_turn');
    const turns = world.client.events.flatMap(({ update }) =>
      update.sessionUpdate === 'turn_started'
        ? ['start']
        : update.sessionUpdate === 'turn_ended'
          ? [update.stopReason]
          : [],
    );
    assert.deepEqual(turns, ['start', 'failed', 'start', 'end_turn']);
  });

  it('are not watched by a client that has gone while it was attaching', async () => {
    const sessionId = await world.begin(says('Hello.'));
    const [gone, leaving] = [new TestClient(), new AbortController()];
    const attaching = world.sessions.attach(sessionId, undefined, gone, leaving.signal);
    gone.close();
    leaving.abort();
    await assert.rejects(attaching, { name: 'AbortError' });
    assert.equal(gone.closeListenerCount, 0);
  });

  it('show every client that watches the same events, and go on when one leaves', async () => {
    const other = new TestClient();
    const sessionId = await world.begin({
      stream: [{ text: 'a' }, { waitMs: 200 }, { text: 'b' }, { finish: 'stop' }],
    });
    await world.sessions.attach(sessionId, undefined, other);
    const request = new AbortController();
    const turn = world.prompt(sessionId, 'hello', world.context(world.client, request.signal));
    await world.update('agent_message_chunk');
    request.abort();
    world.client.close();
    assert.equal((await turn).stopReason, 'end_turn');
    assert.deepEqual(
      other.events.map(({ sequence }) => sequence),
      other.events.map((_event, index) => index + 1),
    );
    other.close();
    assert.equal(other.closeListenerCount, 0);
  });

  it('end a turn whose caller has gone when nobody watches it', async () => {
    world.model.willReply({ stream: [{ text: 'a' }, { stall: true }] });
    const { sessionId } = await world.sessions.create(world.workspaceFolder);
    const request = new AbortController();
    const turn = world.prompt(sessionId, 'hello', world.context(new TestClient('http'), request.signal));
    await waitFor('the model to be asked', () => world.model.chats.length > 0);
    request.abort();
    assert.equal((await turn).stopReason, 'cancelled');
  });

  it('stop at the number of model calls that the settings allow, and say how to go on', async () => {
    world.configure({ 'agent.maxStepsPerTurn': 2 });
    const look = (id: string) => calls({ id, name: 'list_files', arguments: { pattern: `*.${id}` } });
    const sessionId = await world.begin(look('a'), look('b'), look('c'));
    assert.equal((await world.prompt(sessionId, 'hello')).stopReason, 'max_turn_requests');
    const ended = await world.update('turn_ended');
    assert.match(ended.error?.message ?? '', /2 model calls.*agent\.maxStepsPerTurn.*Continue/);
    world.model.play({ models: ['test-model'], replies: [says('Done.')] });
    assert.equal((await world.sessions.goOn(sessionId, world.context())).stopReason, 'end_turn');
  });

  it('can only be read while another server holds them, and be written once that one lets go', async () => {
    const sessionId = await world.begin(says('One.'));
    await world.prompt(sessionId, 'one');
    await world.sessions.close();
    // Its process table is the real one, so it has to be this process that holds the lock.
    const otherStore = openOtherStore();
    const held = await otherStore.open(sessionId);
    assert.equal(held.access, 'write');
    await world.restart();
    const attached = await world.sessions.attach(sessionId, undefined, world.client);
    assert.equal(attached.access, 'read');
    await assert.rejects(world.prompt(sessionId, 'two'), {
      reason: 'Conflict',
      message: /Another window or program holds this/,
    });
    const before = world.client.events.length;
    await held.append([{ sessionUpdate: 'session_info_update', title: 'Named elsewhere' }]);
    await waitFor('the event of the other server', () => world.client.events.length > before);
    await held.close();
    await otherStore.dispose();
    world.model.willReply(says('Two.'));
    assert.equal((await world.prompt(sessionId, 'two')).stopReason, 'end_turn');
    const numbers = world.client.events.slice(before).map(({ sequence }) => sequence);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_value, index) => numbers[0]! + index),
    );
  });

  it('can be written by those who watch them as soon as the other server has let go, and they are told', async () => {
    const sessionId = await world.begin(says('One.'));
    await world.prompt(sessionId, 'one');
    await world.sessions.close();
    const otherStore = openOtherStore();
    const held = await otherStore.open(sessionId);
    // The turn of a server that is killed in the middle of it.
    await held.append([{ sessionUpdate: 'turn_started', turnId: 'of the other', model: 'm' }]);
    await world.restart();
    assert.equal((await world.sessions.attach(sessionId, undefined, world.client)).access, 'read');
    world.broadcasts.length = 0;
    await otherStore.dispose();
    await waitFor('the news of the access', () =>
      world.broadcasts.some(({ params }) => (params as { session?: ConversationSummary }).session?.access === 'write'),
    );
    assert.equal(
      (await world.update('turn_ended', ({ turnId }) => turnId === 'of the other')).stopReason,
      'interrupted',
    );
    world.model.willReply(says('Two.'));
    assert.equal((await world.prompt(sessionId, 'two')).stopReason, 'end_turn');
  });

  it('can only be read again, and the new holder is followed, once another server has taken them over', async () => {
    const sessionId = await world.begin(says('One.'), says('Never kept.'));
    await world.prompt(sessionId, 'one');
    // It takes every other process for dead. Its own claim is that of this process, which lives.
    const processes: ProcessTable = { ...createProcessTable(), isAlive: () => Promise.resolve(false) };
    const otherStore = openOtherStore(processes);
    const taken = await otherStore.open(sessionId);
    assert.equal(taken.access, 'write');
    await taken.append([{ sessionUpdate: 'session_info_update', title: 'Of the new holder' }]);
    await assert.rejects(world.prompt(sessionId, 'two'), { reason: 'Conflict', message: /taken over/ });
    await waitFor('the event of the new holder', () =>
      world.client.events.some(
        ({ update }) => update.sessionUpdate === 'session_info_update' && update.title === 'Of the new holder',
      ),
    );
    assert.equal((await world.sessions.attach(sessionId, undefined, world.client)).access, 'read');
    await otherStore.dispose();
  });

  it('are said to be running while another server is at work in them', async () => {
    const sessionId = await world.begin(says('One.'));
    await world.prompt(sessionId, 'one');
    await world.sessions.close();
    const otherStore = openOtherStore();
    const held = await otherStore.open(sessionId);
    await held.append([{ sessionUpdate: 'turn_started', turnId: 'elsewhere', model: 'a/b' }]);
    await world.restart();
    const isRunning = async () => (await world.sessions.list(undefined))[0]?.running;
    assert.equal(await isRunning(), true);
    assert.equal((await world.sessions.attach(sessionId, undefined, world.client)).running, true);
    assert.equal(await isRunning(), true, 'also while it is open here');
    await held.append([{ sessionUpdate: 'turn_ended', turnId: 'elsewhere', stopReason: 'end_turn' }]);
    await world.update('turn_ended', ({ turnId }) => turnId === 'elsewhere');
    assert.equal(await isRunning(), false);
    await held.close();
    await otherStore.dispose();
  });

  it('can be written by whoever attaches again once the other server has let go', async () => {
    const sessionId = await world.begin(says('One.'));
    await world.prompt(sessionId, 'one');
    await world.sessions.close();
    const otherStore = openOtherStore();
    const held = await otherStore.open(sessionId);
    await world.restart();
    const look = async () => (await world.sessions.attach(sessionId, undefined, world.client)).access;
    assert.equal(await look(), 'read');
    assert.equal(await look(), 'read');
    await held.close();
    await otherStore.dispose();
    assert.equal(await look(), 'write');
  });

  it('have the first line of the first prompt as their title, and are listed with the latest first', async () => {
    const first = await world.begin(says('One.'));
    await world.prompt(first, '\n  Explain   the parser\nin detail');
    const second = await world.begin(says('Two.'));
    await world.prompt(second, 'Another matter');
    const list = await world.sessions.list(undefined);
    assert.deepEqual(
      list.map(({ sessionId, title }) => [sessionId, title]),
      [
        [second, 'Another matter'],
        [first, 'Explain the parser'],
      ],
    );
    assert.deepEqual(await world.sessions.list('/somewhere/else'), []);
    await world.restart();
    assert.deepEqual(
      (await world.sessions.list(undefined)).map(({ title }) => title),
      ['Another matter', 'Explain the parser'],
    );
    await world.sessions.delete(first);
    assert.deepEqual(world.audit.events.at(-1), { kind: 'conversation.deleted', details: { conversationId: first } });
    assert.deepEqual(
      (await world.sessions.list(undefined)).map(({ sessionId }) => sessionId),
      [second],
    );
    await assert.rejects(world.sessions.attach(first, undefined, world.client), { reason: 'NotFound' });
  });

  it('tell every client when they begin and end a turn', async () => {
    const sessionId = await world.begin(says('One.'));
    await world.prompt(sessionId, 'one');
    const running = world.broadcasts.flatMap(({ method, params }) => {
      const { session } = params as { session?: ConversationSummary | null };
      return method === 'session/changed' && session ? [session.running] : [];
    });
    assert.deepEqual(running, [false, true, true, false]);
  });

  it('use the model that was chosen for them, also after a restart', async () => {
    const sessionId = await world.begin(says('One.'), says('Two.'));
    await assert.rejects(world.sessions.setConfigOption(sessionId, 'model', 'nowhere/model'), { reason: 'NotFound' });
    const options = await world.sessions.setConfigOption(sessionId, 'model', 'openai-compatible/special/model');
    assert.equal(options[0]?.currentValue, 'openai-compatible/special/model');
    await world.prompt(sessionId, 'one');
    await world.restart();
    await world.prompt(sessionId, 'two');
    assert.deepEqual(
      world.model.chats.map(({ model }) => model),
      ['special/model', 'special/model'],
    );
  });

  it('say how to set up a model where there is none', async () => {
    world.configure({ 'providers.openaiCompatible.baseUrl': '' });
    world.catalog.invalidate();
    const { sessionId } = await world.sessions.create(world.workspaceFolder);
    await assert.rejects(world.prompt(sessionId, 'hello'), {
      reason: 'Unavailable',
      message: /No model is set up\. Start Ollama/,
    });
    world.configure({});
    world.model.play({ models: ['a', 'b'] });
    world.catalog.invalidate();
    await assert.rejects(world.prompt(sessionId, 'hello'), {
      reason: 'NotFound',
      message: /Several models.*Choose one/,
    });
  });

  it('do not start in a folder that is none', async () => {
    const file = path.join(world.workspaceFolder, 'file');
    await writeFile(file, '');
    for (const cwd of [file, path.join(file, 'below'), 'relative', '/no/such/folder']) {
      await assert.rejects(world.sessions.create(cwd), { reason: 'InvalidCwd' });
    }
  });
});
