import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { calls, says } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { makeRealRepository } from '../support/realRepository.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

const themes = [
  { name: 'dark', title: 'Dark Modern', background: 'dark' },
  { name: 'light', title: 'Light Modern', background: 'light' },
] as const;

const answer = `All **3 tests** pass, so nothing fails.

| suite | tests | failed |
|---|---|---|
| sprintfjs | 3 | 0 |

They cover simple and complex placeholders, and callbacks. \`%b\` and \`%o\` with negative numbers have no test yet.`;

/** The states that a person sees most, taken as pictures for people to look at, in the themes that VS Code comes with. */
describe('The looks of the assistant', function () {
  this.timeout(120_000);
  stepByStep(this);
  let root: string;
  let model: ModelServer;
  let workbench: Workbench;
  let panel: FrameLocator;

  before(async () => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const folder = path.join(root, 'sprintf-js');
    const home = path.join(root, 'home');
    for (const name of [folder, home]) mkdirSync(name);
    makeRealRepository(folder);
    // A prompt without the name of a machine, and the banner of npm without the path of a folder.
    writeFileSync(path.join(home, '.bashrc'), "PS1='sprintf-js $ '\n");
    writeFileSync(path.join(home, '.npmrc'), 'loglevel=silent\n');
    model = await ModelServer.start({ models: ['example-small', 'example-large'] });
    workbench = await Workbench.start({
      name: 'looks',
      folder,
      environment: { HOME: home },
      settings: {
        'aiDevAssistant.providers.openai.baseUrl': model.baseUrl,
        'aiDevAssistant.model.default': 'openai/example-large',
        // A picture in the middle of a transition shows what nobody sees.
        'workbench.reduceMotion': 'on',
      },
    });
    await workbench.openViewContainer('AI Assistant');
    panel = await workbench.webview('textarea');
    await widenSideBar();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('looks-failed');
  });
  after(async () => {
    await workbench.dispose();
    await model.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  async function widenSideBar(): Promise<void> {
    const { mouse } = workbench.page;
    const box = await workbench.page.locator('.part.sidebar').boundingBox();
    assert.ok(box);
    const edge = box.x + box.width;
    await mouse.move(edge, 400);
    await mouse.down();
    await mouse.move(edge + 100, 400, { steps: 5 });
    await mouse.up();
  }

  async function takePictures(state: string): Promise<void> {
    for (const { name, title, background } of themes) {
      await workbench.command('Preferences: Color Theme');
      await workbench.enter(title);
      await panel.locator(`body.vscode-${background}`).waitFor();
      // Neither a tooltip nor a lit button belongs into the picture.
      await workbench.page.mouse.move(700, 300);
      await workbench.page.locator('.monaco-hover').first().waitFor({ state: 'hidden' });
      await workbench.screenshot(`looks-${state}-${name}`);
    }
  }

  it('invite to a first prompt', async () => {
    await panel.locator('.emptyState').waitFor();
    await takePictures('1-empty');
  });

  it('put the question for permission before everything else', async () => {
    model.play({
      models: ['example-small', 'example-large'],
      replies: [
        {
          stream: [
            { text: 'I will run the tests of **this package** first.\n\n', pieces: 4 },
            { toolCall: { id: 'call_1', name: 'run_command', arguments: { command: 'npm test' } } },
            { finish: 'tool_calls', usage: { input: 2110, output: 31 } },
          ],
        },
        { ...says(answer, { pieces: 9 }), when: { lastRole: 'tool', contains: '3 passing' } },
      ],
    });
    await panel.locator('textarea').fill('Run the tests and tell me what fails');
    await panel.locator('textarea').press('Enter');
    await panel.locator('.permission').waitFor();
    await takePictures('2-permission');
  });

  it('show a finished turn beside its terminal', async () => {
    await panel.locator('.permission button', { hasText: 'Allow' }).first().click();
    await panel.locator('.agentMessage', { hasText: 'nothing fails' }).waitFor();
    await workbench.until('the tests in the terminal', async () =>
      (await workbench.terminalText()).includes('3 passing'),
    );
    await workbench.openFile('README.md');
    await workbench.page.locator('.monaco-editor .view-line', { hasText: 'open source JavaScript' }).first().waitFor();
    await takePictures('3-finished');
    const shown = await workbench.terminalText();
    assert.equal(shown.includes(os.hostname()) || shown.includes(root), false, shown);
  });

  it('offer what can be done from the status bar', async () => {
    await workbench.statusBarItem('AI Assistant').click();
    await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Restart Server' }).waitFor();
    await workbench.screenshot('looks-4-status-menu');
    await workbench.page.keyboard.press('Escape');
  });

  it('show a terminal in the editor area', async () => {
    await workbench.command('AI Assistant: New Terminal');
    await workbench.until('a prompt', async () => (await workbench.terminalText()).includes('sprintf-js $'));
    await workbench.typeInTerminal('git log --oneline && ls --color\n');
    await workbench.until('the listing', async () => (await workbench.terminalText()).includes('README.md'));
    await workbench.command('AI Assistant: Open Terminal in Editor Area');
    const terminal = await workbench.webview('.xterm');
    await terminal.locator('.xterm-rows', { hasText: 'README.md' }).waitFor();
    await takePictures('5-terminal-panel');
  });

  it('list the conversations', async () => {
    model.play({ models: ['example-small', 'example-large'], replies: [calls({ name: 'list_files', arguments: {} })] });
    await panel.getByRole('button', { name: 'New conversation' }).click();
    await panel.getByRole('button', { name: 'Conversations' }).click();
    await panel.locator('[role=option]', { hasText: 'Run the tests' }).waitFor();
    await workbench.screenshot('looks-6-history');
  });
});
