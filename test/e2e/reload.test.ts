import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Page } from 'playwright-core';
import { calls, says } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { killIfAlive, parentOf } from '../support/runProcesses.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

/** What a window shows of terminals is there again after a reload, and stays with that window while a second is open. */
describe('The terminals of a window', function () {
  this.timeout(120_000);
  stepByStep(this);
  let root: string;
  let model: ModelServer;
  let workbench: Workbench;
  let second: Page | undefined;
  let hostOfFirst: number;

  before(async () => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const home = path.join(root, 'home');
    mkdirSync(home);
    writeFileSync(path.join(home, '.bashrc'), "PS1='$ '\n");
    model = await ModelServer.start({
      models: ['fixture'],
      replies: [
        calls({ id: 'call_1', name: 'run_command', arguments: { command: 'echo "built $((6*7))"; exit 3' } }),
        says('It is built.'),
      ],
    });
    workbench = await Workbench.start({
      name: 'reload',
      environment: { HOME: home },
      settings: { 'aiDevAssistant.providers.openai.baseUrl': model.baseUrl },
    });
    await workbench.statusBarItem('AI Assistant').waitFor();
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    if (!workbench.page.isClosed()) await workbench.screenshot('reload-failed');
    if (second) await workbench.screenshot('reload-failed-second', second);
  });
  after(async () => {
    await workbench.dispose();
    await model.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const tabs = (page: Page = workbench.page) => page.locator('.terminal-tabs-entry');
  const inFront = () => workbench.page.locator('.terminal-tabs-entry.is-active');
  /** Without the rows that VS Code keeps for the next tab. */
  const names = async (page?: Page) =>
    (await tabs(page).allInnerTexts()).map((text) => text.trim()).filter((text) => text !== '');
  const shells = () => workbench.processes(/^\S*\/bash$/).length;

  /** When each window said last that it is open, in milliseconds since 1970. */
  function leases(): number[] {
    const storage = path.join(workbench.dataFolder, '../user/User/globalStorage/ai-dev-assistant.ai-dev-assistant');
    const folder = path.join(storage, 'shownTerminals');
    return readdirSync(folder).flatMap(
      (name) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? [],
    );
  }

  async function openNamed(name: string): Promise<void> {
    await workbench.newTerminal();
    await workbench.typeInTerminal(`echo "this is ${name} $((1+1))"\n`);
    await workbench.until(name, async () => (await workbench.terminalText()).includes(`this is ${name} 2`));
    await workbench.command('AI Assistant: Rename Terminal');
    await workbench.enter(name);
    // The list of tabs is shown once there are two.
    await workbench.page.locator('.terminal-tabs-entry, .single-terminal-tab', { hasText: name }).waitFor();
  }

  async function askAgent(): Promise<void> {
    await workbench.openViewContainer('AI Assistant');
    const panel = await workbench.webview('textarea');
    await panel.locator('textarea').fill('Build it');
    await panel.locator('textarea').press('Enter');
    await panel.locator('.permission button', { hasText: 'Allow' }).first().click();
    await panel.locator('.agentMessage', { hasText: 'It is built.' }).waitFor();
    await tabs().filter({ hasText: 'AI: Build it' }).waitFor();
  }

  it('are there again with their names, in their order, with the same one in front', async () => {
    for (const name of ['one', 'two']) await openNamed(name);
    await askAgent();
    await openNamed('three');
    const expected = ['one', 'two', 'AI: Build it', 'three'];
    assert.deepEqual(await names(), expected);
    await tabs().filter({ hasText: 'two' }).click();
    await inFront().filter({ hasText: 'two' }).waitFor();
    await workbench.reloadInOrder();
    await workbench.until('all tabs in their order', async () => {
      const ours = (await names()).filter((name) => expected.includes(name));
      return ours.join() === expected.join();
    });
    await inFront().filter({ hasText: 'two' }).waitFor();
    await workbench.until('the screen', async () => (await workbench.terminalText()).includes('this is two 2'));
    await workbench.screenshot('reload-1-again');
  });

  it('show again what the commands of an agent had written, and how they ended', async () => {
    await tabs().filter({ hasText: 'AI: Build it' }).click();
    await workbench.until('the command', async () =>
      /built 42[\s\S]*exited with code 3/.test(await workbench.terminalText()),
    );
    await workbench.screenshot('reload-2-conversation');
  });

  it('have no tab any more once detached, also after a reload, until one is attached again', async () => {
    const before = shells();
    await tabs().filter({ hasText: 'one' }).click();
    await inFront().filter({ hasText: 'one' }).waitFor();
    await workbench.command('AI Assistant: Detach Terminal');
    await tabs().filter({ hasText: 'one' }).waitFor({ state: 'detached' });
    const own = shells();
    await workbench.reloadInOrder();
    await workbench.until('the other tabs', async () => {
      const there = await names();
      return ['two', 'AI: Build it', 'three'].every((name) => there.includes(name));
    });
    assert.ok(!(await names()).includes('one'));
    await workbench.openViewContainer('AI Assistant');
    const line = (await workbench.openView('Terminals')).locator('.monaco-list-row', { hasText: 'one' }).first();
    await line.waitFor();
    await workbench.screenshot('reload-5-detached');
    await line.click();
    await inFront().filter({ hasText: 'one' }).waitFor();
    await workbench.until('its screen', async () => (await workbench.terminalText()).includes('this is one 2'));
    assert.deepEqual([own, shells()], [before, before], 'its shell was never another');
  });

  it('stay in that window while a second one is open on the folder', async () => {
    const before = shells();
    const [server, ...others] = await workbench.until('the end of the server from before the reload', () => {
      const servers = workbench.processes(/dist\/server\.js lsp/);
      return Promise.resolve(servers.length === 1 && servers);
    });
    assert.deepEqual(others, []);
    hostOfFirst = parentOf(server!.pid);
    second = await workbench.openWindow();
    await second.locator('.statusbar-item', { hasText: 'AI Assistant' }).waitFor();
    const openedAt = Date.now();
    await workbench.openViewContainer('AI Assistant', second);
    const lines = await workbench.openView('Terminals', second);
    await lines.locator('.monaco-list-row', { hasText: 'three' }).waitFor();
    await workbench.until('both windows to say that they are open', () => {
      const renewed = leases().filter((at) => at > openedAt);
      return Promise.resolve(renewed.length >= 2);
    });
    assert.deepEqual(
      (await names(second)).filter((name) => ['one', 'two', 'three'].includes(name)),
      [],
    );
    assert.equal(shells(), before, 'no shell ended or was started');
    assert.ok((await names()).includes('two'));
  });

  it('can be looked at in both windows, and typed into from either', async () => {
    assert.ok(second);
    const page = second;
    const row = page.locator('.monaco-list-row', { hasText: 'three' }).first();
    await row.click();
    await workbench.until('the terminal in the second window', async () =>
      (await workbench.terminalText(page)).includes('this is three 2'),
    );
    await workbench.typeInTerminal('echo "from the second $((2+3))"\n', page);
    await tabs().filter({ hasText: 'three' }).click();
    await workbench.until('the same in the first window', async () =>
      (await workbench.terminalText()).includes('from the second 5'),
    );
    await workbench.screenshot('reload-3-second', page);
  });

  it('go to the window that is left, once the other has ended', async () => {
    assert.ok(second);
    const page = second;
    await workbench.page.close();
    // A page may leave its extension host behind for hours; that it ends is what closing a desktop window means.
    killIfAlive(hostOfFirst);
    await workbench.until(
      'the terminals of the first window in the second',
      async () => {
        const there = await names(page);
        return ['one', 'two'].every((name) => there.includes(name));
      },
      60_000,
    );
    await workbench.screenshot('reload-4-taken-over', page);
  });
});
