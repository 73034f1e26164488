import * as assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { AgentWorld, type AgentWorldOptions } from '../../support/agentWorld.ts';
import { CommandWorld } from '../../support/commandWorld.ts';
import { messageText } from '../../support/modelServer.ts';
import { calls, says } from '../../support/modelScript.ts';
import { TestClient } from '../../support/testClient.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('A command that the agent wants to run', function () {
  this.timeout(60_000);
  let commandWorld: CommandWorld;
  let world: AgentWorld;

  before(async () => {
    commandWorld = await CommandWorld.open();
  });

  after(async () => {
    await commandWorld.close();
  });

  async function open(options: AgentWorldOptions = {}): Promise<void> {
    world = await AgentWorld.open({}, { commands: commandWorld.commands, ...options });
  }

  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  const run = (command: string, id = 'call_1') => calls({ id, name: 'run_command', arguments: { command } });
  const lastAnswer = (): string => messageText(world.model.chats.at(-1)?.messages.at(-1));

  async function answer(sessionId: ConversationId, optionId: string, nth = 1): Promise<void> {
    const questions = await waitFor('the question', () => {
      const asked = world.client.events.flatMap(({ update }) =>
        update.sessionUpdate === 'permission_requested' ? [update] : [],
      );
      return asked.length >= nth ? asked : undefined;
    });
    await world.sessions.answerPermission(sessionId, questions[nth - 1]!.requestId, optionId);
  }

  it('runs in a terminal once it is allowed, and its output and exit code go to the model', async () => {
    await open();
    const sessionId = await world.begin(run('echo "two plus two: $((2 + 2))"; exit 3'), says('It failed.'));
    const turn = world.prompt(sessionId, 'run it');
    const question = await world.update('permission_requested');
    assert.match(question.detail, /echo "two plus two/);
    assert.equal(
      world.client.events.some(({ update }) => 'status' in update && update.status === 'completed'),
      false,
    );
    await answer(sessionId, 'allow_once');
    assert.equal((await turn).stopReason, 'end_turn');
    assert.match(lastAnswer(), /two plus two: 4\s*\(Exit code 3\.\)/);
    const done = await world.update('tool_call_update', ({ status }) => status === 'completed');
    assert.deepEqual(
      done.content?.map(({ type }) => type),
      ['terminal', 'content'],
    );
    assert.equal((done.rawOutput as { exitCode: number }).exitCode, 3);
    const live = await world.update('tool_call_update', ({ content }) => content?.[0]?.type === 'terminal');
    assert.notEqual(live.status, 'completed', 'the terminal is shown while the command runs');
  });

  it('does not run when it is rejected, and the model hears so', async () => {
    await open();
    const sessionId = await world.begin(run('touch made'), says('All right.'));
    const turn = world.prompt(sessionId, 'run it');
    await answer(sessionId, 'reject_once');
    await turn;
    assert.match(lastAnswer(), /did not allow this/);
    assert.equal(existsSync(path.join(world.workspaceFolder, 'made')), false);
  });

  it('takes the first answer only, and no answer that was not offered', async () => {
    await open();
    const sessionId = await world.begin(run('true'), says('Done.'));
    const turn = world.prompt(sessionId, 'run it');
    const { requestId } = await world.update('permission_requested');
    const reasonOf = async (attempt: Promise<void>): Promise<string> => {
      try {
        await attempt;
        return 'taken';
      } catch (error) {
        assert.ok(error instanceof CodedError);
        return error.reason;
      }
    };
    assert.equal(
      await reasonOf(world.sessions.answerPermission(sessionId, requestId, 'allow_everything')),
      'InvalidParams',
    );
    assert.equal(
      await reasonOf(world.sessions.answerPermission(sessionId, 'no-such-question', 'allow_once')),
      'NotFound',
    );
    const both = await Promise.all([
      reasonOf(world.sessions.answerPermission(sessionId, requestId, 'reject_once')),
      reasonOf(world.sessions.answerPermission(sessionId, requestId, 'allow_once')),
    ]);
    assert.deepEqual(both, ['taken', 'Conflict']);
    await turn;
    assert.match(lastAnswer(), /did not allow this/);
  });

  it('is not asked about again in the same conversation when that was allowed, but another command is', async () => {
    await open();
    const sessionId = await world.begin(
      run('echo same', 'a'),
      run('echo same', 'b'),
      run('echo same; rm -rf x', 'c'),
      says('Done.'),
    );
    const turn = world.prompt(sessionId, 'run it');
    await answer(sessionId, 'allow_always');
    await answer(sessionId, 'reject_once', 2);
    await turn;
    const asked = world.client.events.flatMap(({ update }) =>
      update.sessionUpdate === 'permission_requested' ? [update.toolCallId] : [],
    );
    assert.deepEqual(asked, ['a', 'c']);
  });

  it('lapses its question and does not run when the turn is cancelled', async () => {
    await open();
    const sessionId = await world.begin(run('touch made'));
    const turn = world.prompt(sessionId, 'run it');
    const { requestId } = await world.update('permission_requested');
    world.sessions.cancel(sessionId);
    assert.equal((await turn).stopReason, 'cancelled');
    const answered = await world.update('permission_answered');
    assert.deepEqual([answered.requestId, answered.optionId], [requestId, null]);
    assert.equal(existsSync(path.join(world.workspaceFolder, 'made')), false);
    await assert.rejects(world.sessions.answerPermission(sessionId, requestId, 'allow_once'), { reason: 'Conflict' });
  });

  it('is stopped when the turn is cancelled while it runs', async () => {
    await open();
    const sessionId = await world.begin(run('echo $$ > pid; exec sleep 600'));
    const turn = world.prompt(sessionId, 'run it');
    await answer(sessionId, 'allow_once');
    const pidFile = path.join(world.workspaceFolder, 'pid');
    const pid = await waitFor('the command to run', () => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')));
    world.sessions.cancel(sessionId);
    assert.equal((await turn).stopReason, 'cancelled');
    await waitFor('the command to be gone', () => !isAlive(pid));
    const statuses = world.client.events.flatMap(({ update }) =>
      update.sessionUpdate === 'tool_call_update' && update.status ? [update.status] : [],
    );
    assert.ok(['completed', 'failed'].includes(statuses.at(-1) ?? 'none'), 'the call is not left open');
  });

  it('is refused where nobody is there to be asked', async () => {
    await open();
    world.model.willReply(run('touch made'), says('All right.'));
    const { sessionId } = await world.sessions.create(world.workspaceFolder);
    const result = await world.prompt(sessionId, 'run it', world.context(new TestClient('http')));
    assert.equal(result.stopReason, 'end_turn');
    assert.match(lastAnswer(), /nobody is connected/);
  });

  it('is refused in a folder that the person does not trust', async () => {
    await open({ trusted: false });
    const sessionId = await world.begin(run('touch made'), says('All right.'));
    await world.prompt(sessionId, 'run it');
    assert.match(lastAnswer(), /trust/i);
    assert.equal(existsSync(path.join(world.workspaceFolder, 'made')), false);
  });

  it('starts where the last one ended, also after a restart', async () => {
    await open();
    mkdirSync(path.join(world.workspaceFolder, 'inner'));
    const sessionId = await world.begin(run('cd inner', 'a'), says('There.'));
    const turn = world.prompt(sessionId, 'go in');
    await answer(sessionId, 'allow_once');
    await turn;
    await world.restart();
    await world.sessions.attach(sessionId, undefined, world.client);
    world.model.willReply(run('pwd', 'b'), says('Still there.'));
    const second = world.prompt(sessionId, 'where are we?');
    await answer(sessionId, 'allow_once', 2);
    await second;
    assert.match(lastAnswer(), /workspace\/inner/);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
