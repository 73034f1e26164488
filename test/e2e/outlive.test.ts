import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { isInPath } from '../../scripts/terminalPrograms.ts';
import { stepByStep } from '../support/stepByStep.ts';
import { Workbench } from '../support/workbench.ts';

interface Screen {
  readonly text: string;
  readonly cursor: { readonly row: number; readonly col: number };
}

/**
 * The promise of the product, with a program that draws the whole screen: vim with an unsaved buffer is exactly as it was
 * after a reload of the window, after `kill -9` of the server, after VS Code was ended and started again.
 */
describe('vim with an unsaved buffer', function () {
  this.timeout(180_000);
  stepByStep(this);
  let root: string;
  let workbench: Workbench;
  let vimPid: number;
  let before_: Screen;

  before(async function () {
    if (!isInPath('vim')) {
      console.log('      skipped: there is no vim on this machine');
      this.skip();
    }
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'ada-')));
    const home = path.join(root, 'home');
    mkdirSync(home);
    writeFileSync(path.join(home, '.bashrc'), "PS1='$ '\n");
    writeFileSync(path.join(home, '.vimrc'), 'set nocompatible ruler number noswapfile\nsyntax on\n');
    workbench = await Workbench.start({
      name: 'outlive',
      environment: { HOME: home },
      // The list of tabs takes room from the terminal as soon as there are two; the size is to stay the same here.
      settings: { 'terminal.integrated.tabs.enabled': false },
    });
    await workbench.statusBarItem('AI Assistant').waitFor();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot('outlive-failed');
  });
  after(async () => {
    // Skipped before anything was started.
    if (!isInPath('vim')) return;
    await workbench.dispose();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const vims = () => workbench.processes(/^vim /).map(({ pid }) => pid);

  async function readScreen(): Promise<Screen | undefined> {
    const cursor = await workbench.terminalCursor();
    return cursor && { text: await workbench.terminalText(), cursor };
  }

  async function isAsBefore(picture: string): Promise<void> {
    let seen: Screen | undefined;
    try {
      await workbench.until('vim exactly as it was', async () => {
        seen = await readScreen();
        return seen?.text === before_.text && JSON.stringify(seen.cursor) === JSON.stringify(before_.cursor);
      });
    } catch {
      assert.deepEqual(seen, before_);
    }
    await workbench.screenshot(picture);
    assert.deepEqual(vims(), [vimPid], 'it is the same process');
  }

  /** Changes the buffer by keys, and keeps how it looks then. */
  async function goOnTyping(keys: string, shows: string): Promise<void> {
    await workbench.typeInTerminal(keys);
    await workbench.page.keyboard.press('Escape');
    before_ = await workbench.until(`"${shows}" in vim`, async () => {
      const screen = await readScreen();
      return screen?.text.includes(shows) && isDrawn(screen) && screen;
    });
  }

  it('is there, in a terminal of ours', async () => {
    await workbench.newTerminal();
    await workbench.typeInTerminal('vim program.c\n');
    await workbench.until('vim', async () => (await workbench.terminalText()).includes('~'));
    [vimPid = 0] = vims();
    await goOnTyping('iint main(void) {\n  return 42; /* grüße 你好 */\n}\n', 'grüße 你好');
    await goOnTyping('ggea long', 'int long');
    await workbench.screenshot('outlive-1-before');
  });

  it('is exactly as it was after a reload of the window, and takes keys', async () => {
    await workbench.reloadInOrder();
    await isAsBefore('outlive-2-reloaded');
    await goOnTyping('Goafter the reload', 'after the reload');
  });

  it('is exactly as it was after kill -9 of the server, and takes keys', async () => {
    const [server] = workbench.processes(/dist\/server\.js lsp/);
    assert.ok(server);
    process.kill(server.pid, 'SIGKILL');
    await workbench.until('another server', () => {
      const next = workbench.processes(/dist\/server\.js lsp/).filter(({ pid }) => pid !== server.pid);
      return Promise.resolve(next.length > 0);
    });
    await isAsBefore('outlive-3-killed');
    await goOnTyping('oafter the kill', 'after the kill');
  });

  it('is exactly as it was after VS Code was ended and started again, and takes keys', async () => {
    const { vscodePid } = workbench;
    await workbench.restart();
    assert.notEqual(workbench.vscodePid, vscodePid);
    await isAsBefore('outlive-4-restarted');
    await goOnTyping('oafter the restart', 'after the restart');
  });

  it('still has the buffer that nobody saved, and saves it', async () => {
    const file = path.join(workbench.folder, 'program.c');
    assert.throws(() => readFileSync(file), { code: 'ENOENT' });
    await workbench.typeInTerminal(':wq\n');
    await workbench.until('the end of vim', () => Promise.resolve(vims().length === 0));
    const lines = readFileSync(file, 'utf8').split('\n');
    assert.deepEqual(
      lines.filter((line) => line !== ''),
      [
        'int long main(void) {',
        '  return 42; /* grüße 你好 */',
        '}',
        'after the reload',
        'after the kill',
        'after the restart',
      ],
    );
  });
});

/** The last line no longer says that a text is being inserted, and the cursor stands where it says: after the numbers. */
function isDrawn({ text, cursor }: Screen): boolean {
  const [, line, column] = /\n +(\d+),(?:\d+-)?(\d+) +All$/.exec(text) ?? [];
  return cursor.row === Number(line) - 1 && cursor.col === Number(column) - 1 + 4;
}
