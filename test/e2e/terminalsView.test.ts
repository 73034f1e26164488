import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { FrameLocator, Locator } from 'playwright-core';
import { calls } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

const themes = [
  { name: 'dark', title: 'Dark Modern' },
  { name: 'light', title: 'Light Modern' },
  { name: 'highContrast', title: 'Dark High Contrast' },
] as const;

/** The view of all terminals, used as a person uses it, in a real workbench. */
describe('A person in the view of all terminals', function () {
  this.timeout(120_000);
  stepByStep(this);
  let root: string;
  let model: ModelServer;
  let workbench: Workbench;
  let pane: Locator;

  before(async () => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const home = path.join(root, 'home');
    mkdirSync(home);
    writeFileSync(path.join(home, '.bashrc'), "PS1='$ '\n");
    model = await ModelServer.start({ models: ['fixture'] });
    workbench = await Workbench.start({
      name: 'terminalsView',
      environment: { HOME: home },
      settings: {
        'aiDevAssistant.providers.openai.baseUrl': model.baseUrl,
        'workbench.reduceMotion': 'on',
      },
    });
    await workbench.openViewContainer('AI Assistant');
    pane = await workbench.openView('Terminals');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('terminalsView-failed');
  });
  after(async () => {
    await workbench.dispose();
    await model.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const line = (text: string | RegExp): Locator => pane.locator('.monaco-list-row', { hasText: text });
  const tab = (name: string) => workbench.page.locator('.terminal-tabs-entry', { hasText: name });
  const action = (row: Locator, title: string) => row.locator(`.actions a[aria-label="${title}"]`);

  async function newTerminal(command: string, shows: string): Promise<void> {
    await workbench.newTerminal();
    await workbench.typeInTerminal(`${command}\n`);
    await workbench.until(`"${shows}" in the terminal`, async () => (await workbench.terminalText()).includes(shows));
  }

  it('is invited to open one while there is none, and does', async () => {
    await pane.getByText('No terminal is running').waitFor();
    await workbench.screenshot('terminalsView-1-empty');
    await pane.getByRole('button', { name: 'New Terminal', exact: true }).click();
    await line('bash').waitFor();
    await workbench.until('a prompt', async () => (await workbench.terminalText()) !== '');
  });

  it('renames one by the keyboard, in the view and in its tab', async () => {
    await newTerminal('echo "second $((1+1))"', 'second 2');
    await line('bash').nth(1).waitFor();
    const { keyboard } = workbench.page;
    const menu = workbench.page.locator('.context-view .monaco-menu');
    await workbench.until('the menu of the first line', async () => {
      await pane.locator('.monaco-list').first().focus();
      await keyboard.press('Home');
      await keyboard.press('Shift+F10');
      return menu.waitFor({ timeout: 2_000 }).then(
        () => true,
        () => false,
      );
    });
    const focused = workbench.page.locator('.context-view .action-item.focused', { hasText: 'Rename Terminal' });
    await workbench.until('the entry in the menu', async () => {
      if ((await focused.count()) > 0) return true;
      await keyboard.press('ArrowDown');
      return false;
    });
    await keyboard.press('Enter');
    await workbench.enter('release');
    await line('release').waitFor();
    await tab('release').waitFor();
  });

  it("sees an agent's command under its conversation, and goes to it", async () => {
    model.play({
      models: ['fixture'],
      replies: [calls({ id: 'call_1', name: 'run_command', arguments: { command: 'read -p "Deploy? [y/n] " a' } })],
    });
    const panel: FrameLocator = await workbench.webview('textarea');
    await panel.locator('textarea').fill('Deploy to staging');
    await panel.locator('textarea').press('Enter');
    await panel.locator('.permission button', { hasText: 'Allow' }).first().click();
    await line('Deploy to staging').waitFor();
    await line('read -p').waitFor();
    await tab('release').click();
    await line('read -p').click();
    await workbench.until('the command in front', async () =>
      (await workbench.terminalText()).includes('Deploy? [y/n]'),
    );
  });

  it('sends the last command with its output and end to the agent, as context that waits to be sent', async () => {
    await workbench.newTerminal();
    await workbench.typeInTerminal('echo "seen $((40+2))"; (exit 5)\n');
    await workbench.until('the answer', async () => (await workbench.terminalText()).includes('seen 42'));
    await line('✗ 5').waitFor();
    await workbench.command('AI Assistant: Send Last Output to Agent');
    const panel = await workbench.webview('textarea');
    const prompt = await workbench.until('the context in the prompt', async () => {
      const text = await panel.locator('.composerInput').inputValue();
      return text.includes('seen 42') && text;
    });
    assert.match(prompt, /exit code 5[^]*```sh\necho "seen \$\(\(40\+2\)\)"; \(exit 5\)\n```\n```\nseen 42\n```/);
    await workbench.screenshot('terminalsView-3-sent');
  });

  it('finds it all readable in dark, in light and in high contrast', async () => {
    for (const { name, title } of themes) {
      await workbench.command('Preferences: Color Theme');
      await workbench.enter(title);
      await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
      await line('release').hover();
      await action(line('release'), 'AI Assistant: End Terminal').waitFor();
      await workbench.screenshot(`terminalsView-2-${name}`);
    }
  });

  it('ends one in the view, which closes its tab', async () => {
    await line('release').hover();
    await action(line('release'), 'AI Assistant: End Terminal').click();
    await line('release').waitFor({ state: 'detached' });
    await tab('release').waitFor({ state: 'detached' });
    assert.equal(await workbench.page.locator('.notification-toast').count(), 0);
  });
});
