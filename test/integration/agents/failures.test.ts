import * as assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { CodedError, type ErrorReason } from '../../../server/protocol/errors.ts';
import { messageText } from '../../support/modelServer.ts';
import { calls, says, type ScriptedReply } from '../../support/modelScript.ts';
import { AgentWorld } from '../../support/agentWorld.ts';

describe('A turn whose model misbehaves', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open(
      {},
      { limits: { firstWaitMs: 5, maxTotalWaitMs: 3_000, firstChunkMs: 600, chunkMs: 600 } },
    );
  });

  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  const answerText = (): string =>
    world.client.events
      .map(({ update }) =>
        update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text' ? update.content.text : '',
      )
      .join('');

  /** Runs a turn that must fail: the request and the journal must say the same. */
  async function failsWith(reason: ErrorReason, message: RegExp, ...replies: ScriptedReply[]): Promise<void> {
    const sessionId = await world.begin(...replies);
    await assert.rejects(world.prompt(sessionId, 'hello'), (error) => {
      assert.ok(error instanceof CodedError, String(error));
      assert.equal(error.reason, reason, error.message);
      assert.match(error.message, message);
      return true;
    });
    const { stopReason, error } = await world.update('turn_ended');
    assert.equal(stopReason, 'failed');
    assert.equal(error?.reason, reason);
    assert.match(error.message, message);
    await goesOnAfterwards(sessionId);
  }

  /** Nothing that happened may keep the conversation from going on. */
  async function goesOnAfterwards(sessionId: Parameters<AgentWorld['prompt']>[0]): Promise<void> {
    world.configure({});
    world.model.play({ models: ['test-model'], replies: [says('Still here.')] });
    const result = await world.sessions.goOn(sessionId, world.context());
    assert.equal(result.stopReason, 'end_turn');
    assert.match(answerText(), /Still here\.$/);
  }

  it('says that nothing answers at the address when the endpoint is down', async () => {
    const port = await unusedPort();
    const sessionId = await world.begin();
    world.configure({
      'providers.openaiCompatible.baseUrl': `http://127.0.0.1:${port}/v1`,
      'model.default': 'openai-compatible/m',
    });
    await assert.rejects(world.prompt(sessionId, 'hello'), (error) => {
      assert.ok(error instanceof CodedError);
      assert.equal(error.reason, 'Unavailable');
      assert.match(error.message, /cannot be reached: nothing answers there \(connection refused\)/);
      return true;
    });
    await goesOnAfterwards(sessionId);
  });

  it('gives up on an endpoint that never says a first word', () =>
    failsWith('TimedOut', /has sent nothing for/, { stream: [{ stall: true }] }));

  it('gives up on an endpoint that does not even answer the request', () =>
    failsWith('TimedOut', /has sent nothing for/, { delayMs: 60_000, stream: [] }));

  it('keeps what has arrived when the stream stalls', async () => {
    await failsWith('TimedOut', /What had arrived is kept/, { stream: [{ text: 'Half an ans' }, { stall: true }] });
    assert.match(answerText(), /^Half an ans/);
  });

  it('keeps what has arrived when the connection is cut', async () => {
    await failsWith('Unavailable', /broke off.*Continue to go on/s, {
      stream: [{ text: 'Half an ans' }, { waitMs: 100 }, { cut: true }],
    });
    assert.match(answerText(), /^Half an ans/);
  });

  it('notices an answer that ends early without an error', async () => {
    await failsWith('Unavailable', /broke off|without finishing/, { stream: [{ text: 'Half' }] });
    assert.match(answerText(), /^Half/);
  });

  it('recognizes a web page in place of an answer', () =>
    failsWith('Unavailable', /web page/, {
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html><body>Please sign in</body></html>',
    }));

  it('recognizes a web page that claims to be a stream', () =>
    failsWith('Unavailable', /broke off|not readable|without finishing/, {
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: '<html><body>Please sign in</body></html>',
    }));

  it('does not go on after a chunk of garbage', async () => {
    await failsWith('Unavailable', /not readable/, {
      stream: [{ text: 'Before. ' }, { raw: 'data: {"choices":[{"del\n\n' }, { text: 'After.' }, { finish: 'stop' }],
    });
    assert.doesNotMatch(answerText(), /After/);
  });

  it('reports an error that the server sends inside the stream', () =>
    failsWith('Unavailable', /out of memory on the GPU/, {
      stream: [{ text: 'A' }, { raw: 'data: {"error":{"message":"out of memory on the GPU"}}\n\n' }],
    }));

  it('says that the key is refused', () =>
    failsWith('Unavailable', /refuses the request \(status 401: .*Set an API key/, {
      status: 401,
      body: { error: { message: 'Incorrect API key provided: sk-abcdefghijklmnopqrstuvwx.' } },
    }));

  it('never repeats a key that the server quotes', async () => {
    const sessionId = await world.begin({
      status: 401,
      body: { error: { message: 'Incorrect API key provided: sk-abcdefghijklmnopqrstuvwx.' } },
    });
    await assert.rejects(
      world.prompt(sessionId, 'hello'),
      (error: Error) => !error.message.includes('abcdefghijklmnop'),
    );
  });

  it('says that a model does not exist', () =>
    failsWith('NotFound', /has no model "test-model"/, {
      status: 404,
      body: { error: { message: 'model not found' } },
    }));

  it('says that the context window is full', () =>
    failsWith('TooLarge', /no longer fits into the context window/, {
      status: 400,
      body: {
        error: {
          message:
            "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
          code: 'context_length_exceeded',
        },
      },
    }));

  it('says that a model cannot use tools', () =>
    failsWith('Unsupported', /cannot use tools/, {
      status: 400,
      body: { error: { message: 'registry.ollama.ai/library/gemma:2b does not support tools' } },
    }));

  it('does not wait for a quota that will not come back', async () => {
    await failsWith('RateLimited', /allows no more requests/, {
      status: 429,
      body: { error: { message: 'You exceeded your current quota.', code: 'insufficient_quota' } },
    });
    assert.equal(world.model.chats.length, 2, 'one call failed, one went on afterwards');
  });

  it('repeats a call that the server was too busy for, after the time it asked for', async () => {
    const busy = { status: 429, headers: { 'retry-after': '1' }, body: { error: { message: 'Slow down.' } } };
    const sessionId = await world.begin(busy, { status: 503, body: 'overloaded' }, says('Now it works.'));
    const before = performance.now();
    const result = await world.prompt(sessionId, 'hello');
    assert.equal(result.stopReason, 'end_turn');
    assert.ok(performance.now() - before >= 990, 'it waited as long as the server asked');
    assert.equal(answerText(), 'Now it works.');
    assert.equal(world.model.chats.length, 3);
  });

  it('does not wait longer than its budget for a busy server', () =>
    failsWith('RateLimited', /Wait a while/, {
      status: 429,
      headers: { 'retry-after': '3600' },
      body: { error: { message: 'Slow down.' } },
    }));

  it('gives up after a few attempts at a broken server', async () => {
    await failsWith('Unavailable', /problem of its own \(status 500: boom\)/, {
      status: 500,
      body: { error: { message: 'boom' } },
      repeat: true,
    });
    assert.equal(world.model.chats.length, 5, 'four attempts, and one that went on afterwards');
  });

  it('does not repeat a call after part of the answer was shown', async () => {
    await failsWith('Unavailable', /broke off/, { stream: [{ text: 'Part' }, { waitMs: 100 }, { cut: true }] });
    assert.equal(world.model.chats.length, 2);
  });

  it('tells the model when its arguments are no JSON, and goes on', async () => {
    const sessionId = await world.begin(
      calls({ id: 'call_a', name: 'read_file', arguments: '{"path": "a.tx' }),
      says('Sorry.'),
    );
    const result = await world.prompt(sessionId, 'hello');
    assert.equal(result.stopReason, 'end_turn');
    const answer = world.model.chats[1]?.messages.at(-1);
    assert.match(messageText(answer), /not valid JSON.*\n.*\{"path": "a\.tx/);
    assert.equal(world.model.chats[1]?.messages.at(-2)?.tool_calls?.[0]?.function.arguments, '{}');
  });

  it('tells the model when it calls a tool that does not exist, or with input that does not fit', async () => {
    const sessionId = await world.begin(
      calls({ id: 'a', name: 'make_coffee', arguments: {} }, { id: 'b', name: 'read_file', arguments: { path: 7 } }),
      says('Sorry.'),
    );
    assert.equal((await world.prompt(sessionId, 'hello')).stopReason, 'end_turn');
    const [first, second] = world.model.chats[1]?.messages.slice(-2) ?? [];
    assert.match(messageText(first), /There is no tool "make_coffee"\. The tools are: read_file/);
    assert.match(messageText(second), /does not fit read_file/);
  });

  it('ends a turn in which the model makes nothing but mistakes', async () => {
    const mistakes = Array.from({ length: 8 }, (_value, index) =>
      calls({ id: `call_${index}`, name: `no_such_tool_${index}`, arguments: {} }),
    );
    await failsWith('ResourceLimit', /5 tool calls in a row that could not be used/, ...mistakes);
  });

  it('stops a model that asks for the same thing three times in a row', async () => {
    const same = (id: string) => calls({ id, name: 'list_files', arguments: { path: '.', pattern: '*.md' } });
    const swapped = calls({ id: 'c', name: 'list_files', arguments: { pattern: '*.md', path: '.' } });
    await failsWith('ResourceLimit', /list_files with the same input 3 times in a row/, same('a'), same('b'), swapped);
    const third = await world.update('tool_call_update', ({ toolCallId }) => toolCallId === 'c');
    assert.equal(third.status, 'failed');
  });

  it('gives ids of its own to calls that a server numbers anew in each answer', async () => {
    const call = (pattern: string) => calls({ id: 'call_0', name: 'list_files', arguments: { pattern } });
    const sessionId = await world.begin(call('*.a'), call('*.b'), says('Done.'));
    await world.prompt(sessionId, 'hello');
    const ids = world.client.events.flatMap(({ update }) =>
      update.sessionUpdate === 'tool_call' ? [update.toolCallId] : [],
    );
    assert.equal(new Set(ids).size, 2);
    const answered = world.model.chats[2]?.messages.flatMap((message) => message.tool_call_id ?? []);
    assert.deepEqual(answered, ids);
  });
});

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
