import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { ModelServer } from '../support/modelServer.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

const key = 'key-for-the-fixture-0123456789';

/** What a person reaches from the palette and the status bar, on the real workbench. */
describe('A person at the palette', function () {
  this.timeout(120_000);
  stepByStep(this);
  let model: ModelServer;
  let workbench: Workbench;
  let shellPid = '';

  before(async () => {
    model = await ModelServer.start({ models: ['behind-a-key'], apiKey: key });
    workbench = await Workbench.start({
      name: 'commands',
      settings: { 'aiDevAssistant.providers.openai.baseUrl': model.baseUrl },
    });
    await workbench.statusBarItem('AI Assistant').waitFor();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('commands-failed');
  });
  after(async () => {
    await workbench.dispose();
    await model.close();
  });

  it('sets a key, which the server then uses', async () => {
    await workbench.command('AI Assistant: Set API Key');
    await workbench.pick('OpenAI');
    await workbench.page.locator('.quick-input-widget input[type=password]').waitFor();
    await workbench.enter(key);
    await workbench.toast('The API key of OpenAI is set').waitFor();
    await workbench.command('AI Assistant: Select Model');
    await workbench.pick('behind-a-key');
    assert.ok(model.requests.some(({ headers }) => headers.authorization === `Bearer ${key}`));
    const item = workbench.statusBarItem('AI Assistant');
    await item.hover();
    await workbench.page.locator('.monaco-hover', { hasText: 'Model: openai/behind-a-key' }).first().waitFor();
  });

  it('empties the cache, and reads what that has freed', async () => {
    await workbench.command('AI Assistant: Clear Cache');
    await workbench.toast(/The cache is empty now\. Freed: \d+ (bytes|kB) of memory, \d+ kB on disk\./).waitFor();
    await workbench.screenshot('commands-cache-cleared');
    await workbench.command('AI Assistant: Clear Cache');
    await workbench.toast('The cache was empty already').waitFor();
  });

  it('checks the audit log, and learns which record was changed', async () => {
    const folder = path.join(workbench.dataFolder, 'audit');
    await workbench.command('AI Assistant: New Terminal');
    const file = await workbench.until('a terminal to be recorded', () => {
      const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : [];
      const found = names.map((name) => path.join(folder, name));
      return Promise.resolve(found.find((one) => readFileSync(one, 'utf8').includes('"terminal.created"')));
    });
    await workbench.command('AI Assistant: Verify Audit Log');
    await workbench.toast(/The audit log is intact\. Records: \d+, files: \d+, keys: [\da-f]{8}/).waitFor();
    await workbench.screenshot('commands-audit-intact');
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.replace('"terminal.created"', '"terminal.removed"'));
    await workbench.command('AI Assistant: Verify Audit Log');
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.getByText(`${path.basename(file)}, line `).waitFor();
    await workbench.screenshot('commands-audit-broken');
    await dialog.getByRole('button', { name: 'OK' }).click();
    writeFileSync(file, whole);
    await workbench.command('AI Assistant: Delete Old Audit Records…');
    await workbench.pick('Older than 90 days');
    await workbench.page.locator('.monaco-dialog-box').getByRole('button', { name: 'Delete' }).click();
    await workbench.toast('No file of the audit log is that old').waitFor();
    await workbench.command('AI Assistant: End All Terminals');
    await workbench.page.locator('.monaco-dialog-box').getByRole('button', { name: 'End All' }).click();
  });

  it('finds neither that key nor the one of the audit log in any file of VS Code or of the product', () => {
    const holding = (folder: string, secret: string) => {
      const { status, stdout } = spawnSync('grep', ['-rlF', '--', secret, folder], { encoding: 'utf8' });
      assert.ok(status === 0 || status === 1, 'grep could read everything');
      return stdout;
    };
    assert.ok(existsSync(path.join(workbench.dataFolder, 'audit', 'publicKeys')), 'the log was signed');
    // Settings, states, logs and the whole data folder.
    assert.equal(holding(path.dirname(workbench.dataFolder), key), '');
    assert.equal(holding(workbench.dataFolder, '-----BEGIN PRIVATE KEY-----'), '');
    assert.equal(existsSync(path.join(workbench.dataFolder, 'audit', 'signingKey.pem')), false);
  });

  it('forgets the key again', async () => {
    await workbench.command('AI Assistant: Forget API Key');
    await workbench.pick('OpenAI');
    await workbench.toast('The API key of OpenAI is forgotten').waitFor();
  });

  it('finds the terminal with the same shell after a reload', async () => {
    await workbench.command('AI Assistant: New Terminal');
    await workbench.until('a prompt', async () => (await workbench.terminalText()) !== '');
    await workbench.typeInTerminal('echo "shell is [$$]"\n');
    const readPid = async () => /shell is \[(\d+)\]/.exec(await workbench.terminalText())?.[1];
    shellPid = await workbench.until('the shell to say its process id', readPid);
    await workbench.reload();
    // VS Code in a browser saves late whether its panel was open, so it may have to be opened.
    await workbench.statusBarItem('AI Assistant').waitFor();
    await workbench.command('Terminal: Focus Terminal');
    assert.equal(await workbench.until('the same text after the reload', readPid), shellPid);
    await workbench.typeInTerminal('echo "again [$$]"\n');
    await workbench.until('the same shell to answer', async () =>
      (await workbench.terminalText()).includes(`again [${shellPid}]`),
    );
  });

  it('shows the same terminal in the editor area as well', async () => {
    await workbench.command('AI Assistant: Open Terminal in Editor Area');
    await (await workbench.webview('.xterm')).locator('.xterm-rows', { hasText: `again [${shellPid}]` }).waitFor();
  });

  it('reaches the log and a restart from the status bar', async () => {
    const before = workbench.processes(/server\.js.* lsp --node-ipc/).map(({ pid }) => pid);
    await workbench.statusBarItem('AI Assistant').click();
    await workbench.pick('Restart Server');
    await workbench.until('another server', () =>
      Promise.resolve(workbench.processes(/server\.js.* lsp --node-ipc/).some(({ pid }) => !before.includes(pid))),
    );
  });

  it('ends all terminals after having been asked', async () => {
    await workbench.command('AI Assistant: End All Terminals');
    await workbench.page.locator('.monaco-dialog-box').getByRole('button', { name: 'End All' }).click();
    await workbench.until('the shell to end', () =>
      Promise.resolve(!workbench.processes(/./).some(({ pid }) => String(pid) === shellPid)),
    );
  });
});
