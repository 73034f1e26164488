import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { calls, says } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { makeRealRepository } from '../support/realRepository.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

const stepLimitMs = 180_000;
/** Runs the package's real tests, then waits for the person at the keyboard. */
const command = 'npm test && read -r -p "Type a word: " word && echo "you said: $word"';

/**
 * The journey that carries the product, in a real VS Code with the packed extension: a person asks, the agent streams,
 * asks for permission, runs the tests in a terminal that the person sees and types into; then the server is killed, and
 * nothing is lost.
 */
describe('A person with an agent and a terminal', function () {
  this.timeout(stepLimitMs);
  stepByStep(this);
  let folder: string;
  let model: ModelServer;
  let workbench: Workbench;
  let panel: FrameLocator;
  let shellPid = '';

  before(async () => {
    folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    makeRealRepository(folder);
    model = await ModelServer.start({
      models: ['fixture-small', 'fixture-large'],
      replies: [
        {
          stream: [
            { text: 'I will run the tests of **this package**.\n\n', pieces: 8 },
            { toolCall: { id: 'call_1', name: 'run_command', arguments: { command }, pieces: 4 } },
            { finish: 'tool_calls', usage: { input: 210, output: 31 } },
          ],
          splitBytes: 7,
          when: { userContains: 'run the tests' },
        },
        {
          ...says('All **3 tests** passed, so nothing fails.\n\n| suite | tests |\n|---|---|\n| sprintfjs | 3 |', {
            pieces: 9,
          }),
          when: { lastRole: 'tool', contains: 'you said: hello' },
        },
        {
          ...calls({ id: 'call_2', name: 'run_command', arguments: { command: 'sleep 600' } }),
          when: { userContains: 'wait' },
        },
        { ...says('I am back and go on.'), when: { userContains: 'go on where you stopped' } },
      ],
    });
    workbench = await Workbench.start({
      name: 'journey',
      folder,
      workspaceTrust: true,
      settings: { 'aiDevAssistant.providers.openai.baseUrl': model.baseUrl },
    });
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('journey-failed');
  });
  after(async () => {
    await workbench.dispose();
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function openPanel(): Promise<FrameLocator> {
    await workbench.openViewContainer('AI Assistant');
    return workbench.webview('textarea');
  }

  it('trusts the folder and opens a terminal that will outlive everything', async () => {
    await workbench.trustFolder();
    await workbench.command('AI Assistant: New Terminal');
    await workbench.until('a prompt', async () => (await workbench.terminalText()) !== '');
    await workbench.typeInTerminal('echo "shell is [$$]"\n');
    shellPid = await workbench.until('the shell to say its process id', async () => {
      return /shell is \[(\d+)\]/.exec(await workbench.terminalText())?.[1];
    });
  });

  it('opens the panel and picks a model', async () => {
    panel = await openPanel();
    await panel.locator('.modelButton').click();
    await workbench.screenshot('journey-1-models');
    await panel.locator('[role=option]', { hasText: 'fixture-large' }).click();
  });

  it('streams the answer and asks before it runs a command', async () => {
    await panel.locator('textarea').fill('run the tests and tell me what fails');
    await panel.locator('textarea').press('Enter');
    await panel.locator('.permission').waitFor();
    assert.match(await panel.locator('.permissionDetail').innerText(), /npm test/);
    assert.match(await panel.locator('.agentMessage').first().innerText(), /I will run the tests/);
    assert.deepEqual(workbench.processes(/read -r -p/), [], 'nothing runs before it is allowed');
    await workbench.screenshot('journey-2-permission');
  });

  it('runs the command in a terminal that the person sees and types into', async () => {
    await panel.locator('.permission button', { hasText: 'Allow' }).first().click();
    await workbench.until('the tests in the terminal', async () => {
      return /3 passing[\s\S]*Type a word:/.test(await workbench.terminalText());
    });
    await workbench.screenshot('journey-3-running');
    await workbench.typeInTerminal('hello\n');
    await panel.locator('.agentMessage', { hasText: 'nothing fails' }).waitFor();
    const toolMessage = model.chats.at(-1)?.messages.at(-1);
    assert.match(JSON.stringify(toolMessage?.content), /3 passing.*you said: hello/);
    await panel.locator('.toolStatus').first().waitFor();
    await workbench.screenshot('journey-4-done');
  });

  it('is back within two seconds of kill -9, with the same shell and the same conversation', async () => {
    await panel.locator('textarea').fill('now wait');
    await panel.locator('textarea').press('Enter');
    await panel.locator('.permission').last().waitFor();
    const [server] = workbench.processes(/dist\/server\.js lsp/);
    assert.ok(server);
    const killedAt = Date.now();
    process.kill(server.pid, 'SIGKILL');
    await workbench.until('another server', async () => {
      const [next] = workbench.processes(/dist\/server\.js lsp/);
      return Promise.resolve(next !== undefined && next.pid !== server.pid);
    });
    await panel.locator('.turnEnd', { hasText: /Continue|interrupted/i }).waitFor();
    console.log(`      interrupted turn shown ${Date.now() - killedAt} ms after the kill`);
    await workbench.screenshot('journey-5-recovered');
    assert.match(await panel.locator('.agentMessage').first().innerText(), /I will run the tests/);
    assert.ok(
      workbench.processes(/./).some(({ pid }) => String(pid) === shellPid),
      'the shell is still the same process',
    );
    await workbench.command('AI Assistant: Continue the Interrupted Turn');
    await panel.locator('.agentMessage', { hasText: 'I am back and go on.' }).waitFor();
  });

  it('has everything again after the window was reloaded', async () => {
    await workbench.reload();
    panel = await openPanel();
    await panel.locator('.agentMessage', { hasText: 'nothing fails' }).waitFor();
    await workbench.until('the old terminal', async () => {
      if ((await workbench.terminalText()).includes('shell is')) return true;
      // The conversation's tab was in front, and VS Code may have put a shell of its own there: look at each tab.
      await workbench.command('Terminal: Focus Next Terminal Group');
      return false;
    });
    await workbench.typeInTerminal('echo "still [$$]"\n');
    await workbench.until('the same shell to answer', async () =>
      (await workbench.terminalText()).includes(`still [${shellPid}]`),
    );
    await workbench.screenshot('journey-6-reloaded');
  });
});
