import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { says } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

/** Room for the staged pty host and a conversation, and soon full. */
const diskSize = 'size=4m';

/** The data folder on a disk of its own that is read-only at first, and full later. Mounting is for root on Linux. */
describe('A person whose disk refuses to write', function () {
  this.timeout(120_000);
  stepByStep(this);
  let disk: string | undefined;
  let model: ModelServer;
  let workbench: Workbench;
  let panel: FrameLocator;

  before(async function () {
    disk = mountDisk();
    if (disk === undefined) {
      console.log('      left out: a disk of its own can be mounted only by root on Linux');
      this.skip();
    }
    remount(disk, 'ro');
    model = await ModelServer.start({ models: ['fixture-small'] });
    workbench = await Workbench.start({
      name: 'brokenDisk',
      settings: { 'aiDevAssistant.providers.openai.baseUrl': model.baseUrl },
      environment: { AI_DEV_ASSISTANT_HOME: disk },
    });
    await workbench.openViewContainer('AI Assistant');
    panel = await workbench.webview('textarea');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('brokenDisk-failed');
  });
  after(async () => {
    if (disk === undefined) return;
    try {
      await workbench.dispose();
      await model.close();
    } finally {
      execFileSync('umount', [disk]);
      fs.rmdirSync(disk);
    }
  });

  const toasts = () => workbench.page.locator('.notification-toast');

  async function ask(prompt: string): Promise<void> {
    await panel.locator('textarea').fill(prompt);
    await panel.locator('textarea').press('Enter');
  }

  it('is told in the panel and in the status bar that nothing can be kept, and by no popup', async () => {
    await panel.locator('.banner.warning', { hasText: /cannot be written \(EROFS\).*Make it writable/s }).waitFor();
    await workbench.statusBarItem('AI Assistant').and(workbench.page.locator('.warning-kind')).waitFor();
    await workbench.screenshot('brokenDisk-1-read-only');
    assert.equal(await toasts().count(), 0);
  });

  it('gets the prompt back with the reason', async () => {
    await ask('keep this');
    await panel.locator('.notice', { hasText: /not sent.*EROFS.*Make it writable/s }).waitFor();
    assert.equal(await panel.locator('textarea').inputValue(), 'keep this');
    assert.equal(model.chats.length, 0);
    await workbench.screenshot('brokenDisk-2-not-sent');
  });

  it('reads once why no terminal opens, and edits files all the same', async () => {
    await workbench.command('AI Assistant: New Terminal');
    await workbench.toast(/could not be recorded in the audit log.*Make the data folder writable/).waitFor();
    assert.equal(await toasts().count(), 1);
    await workbench.screenshot('brokenDisk-3-no-terminal');
    await workbench.openFile('notes.txt');
    await workbench.page.locator('.monaco-editor .view-line', { hasText: 'A folder for a test.' }).click();
    await workbench.page.keyboard.type('Still editable. ');
    await workbench.page.locator('.monaco-editor .view-line', { hasText: 'Still editable.' }).waitFor();
  });

  it('goes on without a restart once the disk is mended', async () => {
    assert.ok(disk);
    remount(disk, 'rw');
    await panel.locator('.banner').waitFor({ state: 'hidden' });
    model.play({ models: ['fixture-small'], replies: [says('Kept now.')] });
    await panel.locator('textarea').press('Enter');
    await panel.locator('.agentMessage', { hasText: 'Kept now.' }).waitFor();
    await workbench.command('AI Assistant: New Terminal');
    await workbench.until('a prompt', async () => (await workbench.terminalText()) !== '');
  });

  it('gets the prompt back with the reason when the disk is full, and loses nothing of what was there', async () => {
    assert.ok(disk);
    const filler = path.join(disk, 'filler');
    fill(filler);
    // More than the rest of the page that a journal has begun.
    await ask('one more '.repeat(1_000));
    await panel.locator('.notice', { hasText: /not sent.*ENOSPC/s }).waitFor();
    await workbench.screenshot('brokenDisk-4-full');
    assert.equal(await panel.locator('.agentMessage', { hasText: 'Kept now.' }).count(), 1);
    fs.rmSync(filler);
    model.play({ models: ['fixture-small'], replies: [says('There is room again.')] });
    await panel.locator('textarea').press('Enter');
    await panel.locator('.agentMessage', { hasText: 'There is room again.' }).waitFor();
  });

  it('reads why a turn ended that had begun when the disk became full, and goes on once there is room', async () => {
    assert.ok(disk);
    const filler = path.join(disk, 'filler');
    // Piece by piece, the answer takes the rest of the page that the journal has begun: the turn's end finds no room.
    const pieces = Array.from({ length: 100 }, () => [{ waitMs: 80 }, { text: 'more ' }]);
    const stream = [{ text: 'It begins. ' }, ...pieces.flat(), { finish: 'stop' as const }];
    model.play({ models: ['fixture-small'], replies: [{ stream }] });
    await ask('and again');
    await panel.locator('.agentMessage', { hasText: 'It begins.' }).waitFor();
    fill(filler);
    await panel.locator('.turnEnd.error', { hasText: /ENOSPC.*Free some space/s }).waitFor();
    await panel.locator('.activity').waitFor({ state: 'hidden' });
    await panel.locator('.banner.warning', { hasText: /ENOSPC/ }).waitFor();
    await workbench.statusBarItem('AI Assistant').and(workbench.page.locator('.warning-kind')).waitFor();
    await workbench.screenshot('brokenDisk-5-full-in-a-turn');
    fs.rmSync(filler);
    await panel.locator('.banner').waitFor({ state: 'hidden' });
    model.play({ models: ['fixture-small'], replies: [says('It goes on.')] });
    await panel.getByRole('button', { name: 'Continue', exact: true }).click();
    await panel.locator('.agentMessage', { hasText: 'It goes on.' }).waitFor();
  });
});

function mountDisk(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ada-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${diskSize},mode=0700`, 'tmpfs', folder], { stdio: 'pipe' });
    return folder;
  } catch {
    // Containers may forbid it even to root.
    fs.rmdirSync(folder);
    return undefined;
  }
}

function remount(disk: string, mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, disk], { timeout: 10_000 });
}

function fill(file: string): void {
  const piece = Buffer.alloc(4096);
  try {
    for (;;) fs.appendFileSync(file, piece);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}
