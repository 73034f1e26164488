import * as assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { calls, says } from '../../support/modelScript.ts';
import { AgentWorld } from '../../support/agentWorld.ts';

describe('A turn of the agent', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await AgentWorld.open();
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

  it('streams an answer whose bytes are cut anywhere, and reports its usage', async () => {
    const text = 'Grüße, 世界 👋: every piece arrives once and in order.';
    const sessionId = await world.begin(says(text, { pieces: 7, splitBytes: 3 }));
    const result = await world.prompt(sessionId, 'hello');
    assert.equal(result.stopReason, 'end_turn');
    assert.deepEqual(result.usage, { inputTokens: 100, outputTokens: 10 });
    assert.equal(answerText(), text);
    assert.deepEqual(
      world.client.events.map(({ sequence }) => sequence),
      world.client.events.map((_event, index) => index + 1),
    );
  });

  it('lets the model read a file and go on with what it saw', async () => {
    await writeFile(path.join(world.workspaceFolder, 'a.txt'), 'first\nsecond\n');
    const sessionId = await world.begin(
      calls({ id: 'call_1', name: 'read_file', arguments: { path: 'a.txt' } }),
      says('It has two lines.'),
    );
    const result = await world.prompt(sessionId, 'what is in a.txt?');
    assert.equal(result.stopReason, 'end_turn');
    const [first, second] = world.model.chats;
    assert.ok(first && second);
    assert.equal(first.messages[0]?.role, 'system');
    assert.deepEqual(
      first.tools?.map((tool) => tool.function.name),
      ['read_file', 'list_files', 'search', 'run_command', 'read_output', 'stop_command'],
    );
    assert.deepEqual(
      second.messages.slice(1).map(({ role }) => role),
      ['user', 'assistant', 'tool'],
    );
    assert.deepEqual(second.messages.at(-1), { role: 'tool', tool_call_id: 'call_1', content: '1\tfirst\n2\tsecond' });
    assert.equal((await world.update('tool_call')).title, 'Read a.txt');
  });
});
