import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { stepByStep } from '../support/stepByStep.ts';
import { turnUpdates, writeConversations } from '../support/writtenConversations.ts';
import { Workbench } from '../support/workbench.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** A person looks for something that was said, goes back to it, gives it a name, and throws another one away. */
describe('The history of conversations', function () {
  this.timeout(120_000);
  stepByStep(this);
  let root: string;
  let workbench: Workbench;

  before(async () => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const folder = path.join(root, 'project');
    mkdirSync(folder);
    workbench = await Workbench.start({ name: 'history', folder });
    const talk = (days: number, question: string, answer: string) => {
      const at = Date.now() - days * dayMs;
      return { at, updates: turnUpdates({ id: 'a', question, answer, command: 'npm test' }) };
    };
    writeConversations(workbench.dataFolder, folder, [
      talk(0, 'Why does the parser fail on empty input?', 'It reads the first token unchecked.'),
      talk(0, 'Add a test for dates', 'Done: three cases.'),
      talk(1, 'Explain the build', 'It bundles with esbuild.'),
      talk(40, 'Rename the module', 'Renamed in 14 files.'),
    ]);
    await workbench.openViewContainer('AI Assistant');
    const header = workbench.page.locator('.pane-header', { hasText: 'History' });
    await header.waitFor();
    if ((await header.getAttribute('aria-expanded')) === 'false') await header.click();
    await workbench.command('AI Assistant: Refresh History');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('history-failed');
  });
  after(async () => {
    await workbench.dispose();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const line = (text: string) =>
    workbench.page.locator('.pane', { hasText: 'History' }).locator('.monaco-list-row', { hasText: text }).first();

  it('stand in their view by day', async () => {
    await line('Today').waitFor();
    await line('Why does the parser').waitFor();
    await line('Yesterday').click();
    await line('Explain the build').waitFor();
    await workbench.screenshot('history-view');
  });

  it('are found by what was said in them, and opened from there', async () => {
    await workbench.command('AI Assistant: Search Conversations');
    await workbench.page.locator('.quick-input-widget input.input').fill('token unchecked');
    const hit = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'It reads the first token' });
    await hit.first().waitFor();
    await workbench.screenshot('history-search');
    await hit.first().click();
    const panel = await workbench.webview('textarea');
    await panel.getByText('It reads the first token unchecked.').waitFor();
  });

  it('get another name, and go when that is confirmed', async () => {
    await workbench.command('AI Assistant: Rename Conversation');
    await workbench.pick('Add a test for dates');
    await workbench.enter('Dates');
    await line('Dates').waitFor();
    await workbench.command('AI Assistant: Delete Conversation');
    await workbench.pick('Dates');
    await workbench.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Delete' }).click();
    await line('Dates').waitFor({ state: 'detached' });
    assert.equal(await line('Why does the parser').count(), 1);
  });
});
