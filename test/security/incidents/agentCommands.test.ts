import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { AttackedAgent, type WantedCall } from '../../support/attacks/attackedAgent.ts';
import { openToOthers } from '../../support/attacks/fileModes.ts';

const run = (command: string): WantedCall => ({ name: 'run_command', arguments: { command } });

/** Troubles that users of other agents have reported under these numbers. */
describe('Published troubles with what agents run and read', function () {
  this.timeout(60_000);
  let agent: AttackedAgent;
  beforeEach(async () => {
    const files = {
      'keep/a.txt': 'a',
      '.env.prod': 'PASSWORD=correct-horse',
      'secrets.json': '{"key": "battery-staple"}',
    };
    agent = await AttackedAgent.open({ files });
  });
  afterEach(async () => {
    await agent.close();
  });

  it('microsoft/vscode#258556: a command that was denied does not run all the same', async () => {
    const { asked, answers } = await agent.turn([run('touch ran'), run('touch ran'), run(' touch ran')]);
    assert.equal(asked.length, 3, 'each time anew');
    assert.ok(answers.every((answer) => answer.includes('did not allow this')));
    assert.equal(existsSync(path.join(agent.workspace, 'ran')), false);
  });

  it('continuedev/continue#13001: no way of writing a command runs unasked, however harmless its first word', async () => {
    const commands = [
      'find keep -delete',
      'find keep -exec rm {} +',
      'echo $(rm -r keep)',
      'echo `rm -r keep`',
      'ls; rm -r keep',
      'ls & rm -r keep',
      'ls\nrm -r keep',
      'cat < keep/a.txt > keep/a.txt',
      'git -c core.pager="rm -r keep" log',
      'awk \'BEGIN { system("rm -r keep") }\'',
      'env rm -r keep',
      'PAGER="rm -r keep" man ls',
      'x=rm; $x -r keep',
      'ls "$HOME"',
    ];
    const { asked } = await agent.turn(commands.map(run));
    assert.deepEqual(asked, commands, 'each is asked about, and shown as it is');
    assert.deepEqual(readdirSync(path.join(agent.workspace, 'keep')), ['a.txt']);
  });

  it('cline/cline#1899: neither .env.prod nor any other file of secrets is sent to the model', async () => {
    writeFileSync(path.join(agent.workspace, '.env.production.local'), 'PASSWORD=correct-horse');
    const names = ['.env.prod', '.env.production.local', 'secrets.json'];
    const { answers } = await agent.turn([
      ...names.map((name) => ({ name: 'read_file', arguments: { path: name } })),
      { name: 'search', arguments: { query: 'correct-horse' } },
      { name: 'search', arguments: { query: 'battery-staple|correct', regex: true } },
    ]);
    assert.equal(answers.length, names.length + 2);
    assert.doesNotMatch(answers.join('\n'), /PASSWORD=|"key"/);
  });

  it('cline/cline#7778: nothing in the data folder can be read by other users', async () => {
    await agent.turn([run('echo $((40 + 2))')], 'allow_once');
    await agent.server.call('security/issue', { name: 'other', scope: 'read', hours: 1 });
    assert.deepEqual(await openToOthers(agent.dataFolder), []);
  });
});
