import * as assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { AgentWorld } from '../../support/agentWorld.ts';
import { CommandWorld } from '../../support/commandWorld.ts';
import { calls, says } from '../../support/modelScript.ts';
import { messageText } from '../../support/modelServer.ts';

describe('The trust in a folder', function () {
  this.timeout(60_000);
  let commandWorld: CommandWorld;
  let world: AgentWorld;

  before(async () => {
    commandWorld = await CommandWorld.open();
  });
  after(() => commandWorld.close());

  async function open(trusted: boolean): Promise<void> {
    world = await AgentWorld.open({}, { commands: commandWorld.commands, trusted });
  }
  afterEach(async () => {
    await world.close();
    assert.equal(world.client.closeListenerCount, 0, 'no listener is left on the client');
  });

  function trust(trusted: boolean): void {
    world.workspace.replace({ ...world.workspace.state, trusted });
  }

  const touch = (file: string) => calls({ id: file, name: 'run_command', arguments: { command: `touch ${file}` } });
  const made = (file: string): boolean => existsSync(path.join(world.workspaceFolder, file));
  /** What the model was told in its calls, one after the other. */
  const told = (role: 'system' | 'tool'): string[] =>
    world.model.chats.map(({ messages }) => messageText(messages.findLast((message) => message.role === role)));

  it('that is granted while a turn runs counts for its next command, and the model is told', async () => {
    await open(false);
    const sessionId = await world.begin(touch('before'), touch('after'), says('Done.'));
    world.client.onEvent = ({ update }) => {
      if (update.sessionUpdate === 'tool_call_update' && update.status === 'failed') trust(true);
      if (update.sessionUpdate === 'permission_requested')
        void world.sessions.answerPermission(sessionId, update.requestId, 'allow_once');
    };
    assert.equal((await world.prompt(sessionId, 'make both')).stopReason, 'end_turn');
    assert.deepEqual([made('before'), made('after')], [false, true]);
    const [untrusted, ...trusted] = told('system');
    assert.match(untrusted ?? '', /has not said that they trust this folder/);
    assert.equal(trusted.length, 2);
    for (const instructions of trusted) assert.match(instructions, /is asked before it runs/);
  });

  it('that is withdrawn while a command waits for its permission stops it, whatever the answer', async () => {
    await open(true);
    const sessionId = await world.begin(touch('first'), touch('second'), touch('third'), says('Done.'));
    let asked = 0;
    world.client.onEvent = ({ update }) => {
      if (update.sessionUpdate !== 'permission_requested') return;
      if (++asked === 2) trust(false);
      void world.sessions.answerPermission(sessionId, update.requestId, 'allow_once');
    };
    await world.prompt(sessionId, 'make them');
    assert.deepEqual([made('first'), made('second'), made('third')], [true, false, false]);
    assert.equal(asked, 2, 'about the third nobody is asked');
    assert.match(told('tool')[2] ?? '', /not trusted/);
    assert.match(told('system').at(-1) ?? '', /has not said that they trust this folder/);
  });

  it('that is withdrawn ends what was allowed for always', async () => {
    await open(true);
    const sessionId = await world.begin(touch('again'), says('Once.'));
    world.client.onEvent = ({ update }) => {
      if (update.sessionUpdate === 'permission_requested')
        void world.sessions.answerPermission(sessionId, update.requestId, 'allow_always');
    };
    await world.prompt(sessionId, 'make it');
    trust(false);
    world.model.willReply(touch('again'), says('Refused.'));
    await world.prompt(sessionId, 'once more');
    assert.match(told('tool').at(-1) ?? '', /not trusted/);
  });
});
