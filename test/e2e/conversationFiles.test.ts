import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { errors } from 'playwright-core';
import { HttpServer } from '../support/httpServer.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { waitFor } from '../support/waitFor.ts';
import { Workbench } from '../support/workbench.ts';
import { turnUpdates, writeConversations } from '../support/writtenConversations.ts';

const markdown = '# Why does the parser fail?';

/** A person gives a conversation away and takes one in, and goes back to how everything was. */
describe('Conversations as files and backups', function () {
  this.timeout(120_000);
  stepByStep(this);
  let root: string;
  let workbench: Workbench;

  before(async () => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const folder = path.join(root, 'project');
    mkdirSync(folder);
    workbench = await Workbench.start({ name: 'conversationFiles', folder });
    writeConversations(workbench.dataFolder, folder, [
      {
        updates: turnUpdates({
          id: 'a',
          question: 'Why does the parser fail?',
          answer: 'It reads on.',
          command: 'npm test',
        }),
        at: Date.now() - 60_000,
      },
    ]);
    await workbench.openViewContainer('AI Assistant');
    await workbench.openView('History');
    await lines('Why does the parser').first().waitFor();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('conversationFiles-failed');
  });
  after(async () => {
    await workbench.dispose();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const lines = (text: string) =>
    workbench.page.locator('.pane', { hasText: 'History' }).locator('.monaco-list-row', { hasText: text });
  const dialogButton = (name: string) => workbench.page.locator('.monaco-dialog-box .monaco-button', { hasText: name });

  /**
   * Names a file in VS Code's own dialog.
   * The dialog proposes a name a moment after it has opened, and goes into the folder that is marked
   * if it is accepted before it has looked at what was typed, so the name is given until it is taken.
   */
  async function chooseFile(file: string): Promise<void> {
    const dialog = workbench.page.locator('.quick-input-widget');
    const input = dialog.locator('input.input');
    const folder = dialog.locator('.quick-input-list .monaco-list-row', { hasText: 'project' });
    const accept = dialog.locator('.monaco-button', { hasText: /^(OK|Import|Save)$/ }).first();
    await accept.waitFor();
    await waitFor('the dialog to take the file', async () => {
      if (!(await accept.isVisible())) return true;
      // Each of the two may be gone by now.
      await unlessGone(async () => {
        if ((await input.inputValue({ timeout: 1_000 })) !== file) await input.fill(file, { timeout: 1_000 });
        else if ((await folder.count()) > 0) await accept.click({ timeout: 1_000 });
      });
      return false;
    });
  }

  async function unlessGone(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof errors.TimeoutError)) throw error;
    }
  }

  it('go to a file from the menu of their line', async () => {
    await lines('Why does the parser').first().click({ button: 'right' });
    const entry = workbench.page.locator('.monaco-menu .action-label', { hasText: 'Export Conversation…' });
    await entry.waitFor();
    await workbench.screenshot('conversationFiles-1-menu');
    await entry.click();
    const file = path.join(root, 'talk.md');
    await chooseFile(file);
    await workbench.toast('was exported to talk.md').waitFor();
    const text = readFileSync(file, 'utf8');
    assert.ok(text.startsWith(`${markdown}\n`) && text.includes('```sh\nnpm test\n```'), text);
    await workbench.toastButton('was exported to talk.md', 'Open').click();
    await workbench.page.locator('.editor-group-container .tab', { hasText: 'talk.md' }).waitFor();
    await workbench.screenshot('conversationFiles-2-markdown');
  });

  it('come back from a file, and are opened', async () => {
    const file = path.join(root, 'talk.json');
    await workbench.command('AI Assistant: Export Conversation…');
    await workbench.pick('Why does the parser');
    await chooseFile(file);
    await waitFor('the file', () => existsSync(file));
    await workbench.command('AI Assistant: Import Conversation…');
    await chooseFile(file);
    const panel = await workbench.webview('textarea');
    await panel.getByText('It reads on.').waitFor();
    await waitFor('both to be listed', async () => (await lines('Why does the parser').count()) === 2);
    assert.equal(await lines('imported').count(), 1, 'the one that came from a file says so');
    await workbench.screenshot('conversationFiles-2-imported');
  });

  it('are there again after a backup was restored, and as they were before after that was undone', async () => {
    await workbench.command('AI Assistant: Create Backup');
    await workbench.toast('The backup is made. Conversations: 2').waitFor();
    await workbench.command('AI Assistant: Delete Conversation');
    await workbench.pick('Why does the parser');
    await dialogButton('Delete').click();
    await waitFor('one to be left', async () => (await lines('Why does the parser').count()) === 1);
    await workbench.command('AI Assistant: Restore Backup…');
    await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'made by you' }).waitFor();
    await workbench.screenshot('conversationFiles-3-backups');
    await workbench.pick('made by you');
    await dialogButton('Restore').waitFor();
    await workbench.screenshot('conversationFiles-4-restore');
    await dialogButton('Restore').click();
    await workbench.toast('The backup was restored.').waitFor();
    await waitFor('both to be listed', async () => (await lines('Why does the parser').count()) === 2);
    await workbench.screenshot('conversationFiles-5-restored');
    await workbench.toastButton('The backup was restored.', 'Undo').click();
    await waitFor('one to be listed', async () => (await lines('Why does the parser').count()) === 1);
    await workbench.toast('The restore was undone.').waitFor();
    await workbench.toastButton('The restore was undone.', 'Restore Again').waitFor();
    await workbench.screenshot('conversationFiles-6-undone');
  });

  it('are not offered to be restored while another program uses the data folder, which is named', async () => {
    const folder = path.join(root, 'another project');
    mkdirSync(folder);
    const server = await HttpServer.start(workbench.dataFolder, ['--workspace', folder]);
    try {
      await workbench.command('AI Assistant: Restore Backup…');
      await workbench.pick('made by you');
      const dialog = workbench.page.locator('.monaco-dialog-box');
      await dialog.getByText(`Process ${server.child.pid} (${folder}) uses this data folder`).waitFor();
      await workbench.screenshot('conversationFiles-7-hindrance');
      assert.equal(await dialogButton('Restore').count(), 0);
      await dialogButton('OK').click();
    } finally {
      await server.stop();
    }
  });

  it('that are damaged are offered with a warning, and what is whole comes back', async () => {
    const parts = path.join(workbench.dataFolder, 'backups/v1/parts');
    const ofImported = readdirSync(parts).filter((name) =>
      readFileSync(path.join(parts, name), 'utf8').slice(0, 2_000).includes('"imported"'),
    );
    assert.ok(ofImported.length > 0);
    for (const name of ofImported) rmSync(path.join(parts, name));
    await workbench.command('AI Assistant: Delete Conversation');
    await workbench.pick('Why does the parser');
    await dialogButton('Delete').click();
    await waitFor('none to be left', async () => (await lines('Why does the parser').count()) === 0);
    await workbench.command('AI Assistant: Restore Backup…');
    const entry = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'made by you' });
    await entry.locator('.codicon-warning').waitFor();
    await workbench.screenshot('conversationFiles-8-damaged');
    await workbench.pick('made by you');
    await dialogButton('Restore').waitFor();
    const dialog = workbench.page.locator('.monaco-dialog-box');
    assert.match(await dialog.innerText(), /stay as they are now: conversations\/.*\.journal/);
    await workbench.screenshot('conversationFiles-9-skip');
    await dialogButton('Restore').click();
    await waitFor('the whole one to be listed', async () => (await lines('Why does the parser').count()) === 1);
  });

  it('stay in the history where their files are damaged, with a way to a backup, and can be deleted', async () => {
    const updates = turnUpdates({ id: 'b', question: 'What is lost?', answer: 'The beginning.' });
    const { ids, folder } = writeConversations(workbench.dataFolder, path.join(root, 'project'), [
      { updates, at: Date.now() },
    ]);
    const file = path.join(folder, `${ids[0]}.journal`);
    writeFileSync(file, readFileSync(file).fill('#', 0, 40));
    await workbench.command('AI Assistant: Refresh History');
    const line = lines('cannot be read: restore it from a backup');
    await line.waitFor();
    await line.locator('.codicon-warning').waitFor();
    await line.click({ button: 'right' });
    const entries = workbench.page.locator('.monaco-menu .action-label[aria-label]');
    await entries.first().waitFor();
    await workbench.screenshot('conversationFiles-10-damaged');
    const names = (await entries.allTextContents()).filter((name) => name !== '');
    assert.equal(names.length, 2, names.join());
    assert.match(names[0] ?? '', /Restore Backup…/);
    await entries.filter({ hasText: 'Delete' }).click();
    await dialogButton('Delete').click();
    await line.waitFor({ state: 'detached' });
    assert.equal(existsSync(file), false);
  });
});
