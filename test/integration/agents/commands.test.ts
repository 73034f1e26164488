import assert from 'node:assert/strict';
import type { ConversationId, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { CommandWorld } from '../../support/commandWorld.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { messageText } from '../../support/modelServer.ts';
import { calls, says } from '../../support/modelScript.ts';
import { waitFor } from '../../support/waitFor.ts';

type CallUpdate = Extract<SessionUpdate, { sessionUpdate: 'tool_call_update' }>;

describe('The commands of an agent', function () {
  this.timeout(60_000);
  let clock: FakeClock;
  let commandWorld: CommandWorld;
  let world: AgentWorld;
  let sessionId: ConversationId;

  beforeEach(async () => {
    clock = new FakeClock(Date.now());
    commandWorld = await CommandWorld.open(clock);
    world = await AgentWorld.open({}, { commands: commandWorld.commands });
  });
  afterEach(async () => {
    for (const { sessionId: id } of await commandWorld.terminals.list()) await commandWorld.terminals.close(id);
    await world.close();
    await commandWorld.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  const run = (command: string, more: object = {}) =>
    calls({ id: `run_${world.model.chats.length}`, name: 'run_command', arguments: { command, ...more } });
  const lastAnswer = (): string => messageText(world.model.chats.at(-1)?.messages.at(-1));
  const updatesOf = (): CallUpdate[] =>
    world.client.events.flatMap(({ update }) => (update.sessionUpdate === 'tool_call_update' ? [update] : []));

  /** Asks for a turn and allows the command that it begins with. */
  async function beginTurn(): Promise<{ turn: Promise<unknown>; terminalId: TerminalId }> {
    const before = world.client.events.length;
    const turn = world.prompt(sessionId, 'go');
    const question = await waitFor('the question', () =>
      world.client.events.slice(before).find(({ update }) => update.sessionUpdate === 'permission_requested'),
    );
    assert.ok(question.update.sessionUpdate === 'permission_requested');
    await world.sessions.answerPermission(sessionId, question.update.requestId, 'allow_once');
    const shown = await waitFor('the terminal', () =>
      world.client.events
        .slice(before)
        .flatMap(({ update }) => (update.sessionUpdate === 'tool_call_update' ? (update.content ?? []) : []))
        .find((part) => part.type === 'terminal'),
    );
    return { turn, terminalId: shown.terminalId };
  }

  async function untilPrinted(terminalId: TerminalId, text: string): Promise<void> {
    await waitFor(`"${text}"`, async () => {
      const source = await commandWorld.runner.recordingOf(terminalId)?.source();
      const data = (await source?.read(0, 10_000))?.data ?? new Uint8Array();
      await source?.close();
      return Buffer.from(data).toString().includes(text);
    });
  }

  it('run in the background when the agent wants it, are read, and are stopped', async () => {
    sessionId = await world.begin(
      run('echo listening; trap "echo bye; exit 3" INT; while :; do sleep 0.1; done', { background: true }),
    );
    const { turn, terminalId } = await beginTurn();
    await untilPrinted(terminalId, 'listening');
    world.model.willReply(
      calls({ id: 'read_1', name: 'read_output', arguments: { terminalId } }),
      calls({ id: 'stop_1', name: 'stop_command', arguments: { terminalId } }),
      calls({ id: 'read_2', name: 'read_output', arguments: { terminalId, startLine: 1 } }),
      says('Done.'),
    );
    clock.advance(1_000);
    await waitFor('the command to be stopped', () => {
      // Its pauses pass by this clock.
      clock.advance(100);
      return world.model.chats.length >= 5;
    });
    await turn;
    const answers = world.model.chats.slice(1).map(({ messages }) => messageText(messages.at(-1)));
    assert.match(
      answers[0] ?? '',
      new RegExp(`^listening\\n\\s*\\(Still running, in the background\\..*${terminalId}\\.\\)$`),
    );
    assert.match(answers[1] ?? '', /^listening\n\(Lines 1 to 1 of 1\. It still runs\.\)$/);
    assert.match(answers[2] ?? '', /^It has ended\. Exit code 3\.$/);
    assert.match(answers[3] ?? '', /^listening\n(\^C)?bye\n\(Lines 1 to 2 of 2\. Exit code 3\.\)$/);
    await waitFor('the end to be noted with its call', () =>
      updatesOf().some(({ rawOutput }) => (rawOutput as { exitCode?: unknown } | undefined)?.exitCode === 3),
    );
  });

  it('are out of reach of another conversation', async () => {
    sessionId = await world.begin(run('echo mine'), says('Done.'));
    const { turn, terminalId } = await beginTurn();
    await turn;
    for (const name of ['read_output', 'stop_command']) {
      const other = await world.begin(calls({ id: 'other_1', name, arguments: { terminalId } }), says('No.'));
      await world.prompt(other, 'try it');
      assert.match(lastAnswer(), /has run no command in terminal/);
      world.sessions.detach(other, world.client);
    }
  });

  it('go on when a person says so, and the turn with them', async () => {
    sessionId = await world.begin(run('echo begun; until read -r line; do :; done; exit 6'), says('I see.'));
    const { turn, terminalId } = await beginTurn();
    await untilPrinted(terminalId, 'begun');
    await commandWorld.runner.background(terminalId);
    await turn;
    assert.match(lastAnswer(), /^begun\n\s*\(Still running, in the background\./);
    const [call] = updatesOf().filter(({ status }) => status === 'completed');
    assert.equal((call?.rawOutput as { running?: unknown }).running, true);
    await commandWorld.terminals.write(terminalId, 'x\r');
    const end = await waitFor('the end', () =>
      updatesOf().find(({ rawOutput }) => (rawOutput as { exitCode?: unknown } | undefined)?.exitCode === 6),
    );
    assert.equal(end.content, undefined, 'what the model was told stays as it is');
  });

  it('that wait for input say so beside the call, and let the turn go on when nobody types', async () => {
    sessionId = await world.begin(run('read -r -p "Your name: " name; echo "hello $name"'), says('I see.'));
    const { turn, terminalId } = await beginTurn();
    await untilPrinted(terminalId, 'Your name: ');
    clock.advance(2_000);
    const told = await waitFor('the prompt', () =>
      updatesOf().find(({ rawOutput }) => rawOutput !== undefined && 'waitsForInput' in (rawOutput as object)),
    );
    assert.deepEqual(told.rawOutput, { waitsForInput: { kind: 'text', prompt: 'Your name:' } });
    assert.deepEqual((await commandWorld.terminals.get(terminalId)).waitsForInput, {
      kind: 'text',
      prompt: 'Your name:',
    });
    clock.advance(60_000);
    await turn;
    assert.match(lastAnswer(), /\(Still running, and it seems to wait for input: "Your name:"\. Nobody has typed/);
    world.model.willReply(calls({ id: 'read_1', name: 'read_output', arguments: { terminalId } }), says('I see.'));
    await world.prompt(sessionId, 'and now?');
    assert.match(messageText(world.model.chats.at(-1)?.messages.at(-1)), /It seems to wait for input: "Your name:"/);
  });

  it('tell the agent what the person typed, and of a password only how long it was', async () => {
    const command = 'read -r -p "Word: " word; read -r -s -p "Password: " secret; echo; echo "thanks"';
    sessionId = await world.begin(run(command), says('Thanks.'));
    const { turn, terminalId } = await beginTurn();
    await untilPrinted(terminalId, 'Word: ');
    for (const key of 'blue\r') await commandWorld.terminals.write(terminalId, key);
    await untilPrinted(terminalId, 'Password: ');
    await commandWorld.terminals.write(terminalId, 'hunter2\r');
    await turn;
    assert.match(
      lastAnswer(),
      /thanks\n\s*\(Exit code 0\. The person typed into this terminal: "blue", \(7 characters, not shown\)\.\)/,
    );
    const journal = JSON.stringify(await world.journal(sessionId));
    assert.doesNotMatch(journal, /hunter2/);
  });
});
