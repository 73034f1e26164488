import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium, errors, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { testOutputFolder } from '../../scripts/project.ts';
import { ensureChromium } from '../../scripts/workbench/chromium.ts';
import { listRunProcesses, type RunProcess } from './runProcesses.ts';
import { WorkbenchRun, type WorkbenchRunOptions } from './workbenchRun.ts';

/** How a workbench is opened. */
export interface WorkbenchOptions extends WorkbenchRunOptions {
  /** The folder to open; a new one with one file when left out. */
  readonly folder?: string;
}

const stepLimitMs = 30_000;
const paintLimitMs = 90_000;
const probeMs = 100;
/** A click that takes longer has lost its target. */
const clickLimitMs = 2_000;
/** The palette filters with a delay; after this time what it shows is its answer. */
const paletteFilterMs = 1_000;
/** A palette that is open takes text at once. */
const paletteOpenMs = 2_000;
/** Long, since a click that is given up just after it was made must not be made again. */
const paletteClickMs = 10_000;
/** Errors that the page logged are kept for the tests to look at; more than this many of them say nothing new. */
const maxPageErrors = 500;

/**
 * A real VS Code workbench in a headless browser with the packed extension, as a person has it before them. The helpers
 * do what a person does: run a command by its title, read a toast, click in a view. Always dispose it.
 */
export class Workbench {
  readonly page: Page;
  /** The folder that is open in the workbench. */
  readonly folder: string;
  /** What the page logged as errors, oldest first. */
  readonly pageErrors: string[] = [];
  private readonly browser: Browser;
  private readonly run: WorkbenchRun;

  private constructor(parts: { run: WorkbenchRun; browser: Browser; page: Page; folder: string }) {
    this.run = parts.run;
    this.browser = parts.browser;
    this.folder = parts.folder;
    this.page = this.adopt(parts.page);
  }

  /** Starts VS Code with the extension, opens the folder and waits until the workbench is painted. */
  static async start(options: WorkbenchOptions): Promise<Workbench> {
    const executablePath = await ensureChromium((line) => console.log(line));
    const run = await WorkbenchRun.start(options);
    let browser: Browser | undefined;
    try {
      const folder = options.folder ?? (await makeFolder(run.folder));
      browser = await chromium.launch({ executablePath, headless: true, args: chromiumArguments() });
      const workbench = new Workbench({ run, browser, page: await openPage(browser), folder });
      await workbench.page.goto(run.server.url({ folder }));
      await workbench.painted();
      return workbench;
    } catch (error) {
      await browser?.close();
      await run.dispose();
      throw error;
    }
  }

  /** The product's data folder, the same for the extension and for everything run with `AI_DEV_ASSISTANT_HOME`. */
  get dataFolder(): string {
    return this.run.dataFolder;
  }

  /** The process id of the VS Code server. */
  get vscodePid(): number {
    return this.run.server.pid;
  }

  /**
   * Runs a command from the palette by its full title. The palette does not notice commands that are contributed while
   * it is open, so it is asked anew until the title is there. A workbench that is still starting may take the focus from
   * it, which closes it: then it is opened again.
   */
  async command(title: string, page: Page = this.page): Promise<void> {
    const input = page.locator('.quick-input-widget input.input');
    const rows = page.locator('.quick-input-list .monaco-list-row');
    const exact = rows.and(page.locator(`[aria-label="${title}"], [aria-label^="${title},"]`)).first();
    await this.until(`the command "${title}" in the palette`, async () => {
      try {
        // Also where something else is open, such as the choice of a theme.
        await page.keyboard.press('F1');
        await input.fill('>', { timeout: paletteOpenMs });
        await input.fill(`>${title}`, { timeout: paletteOpenMs });
        await exact.waitFor({ timeout: paletteFilterMs });
        await exact.click({ timeout: paletteClickMs });
        return true;
      } catch (error) {
        if (error instanceof errors.TimeoutError) return false;
        throw error;
      }
    });
  }

  /** Picks the entry with this text from the quick pick that is open. */
  async pick(text: string): Promise<void> {
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first().click();
  }

  /** Opens the file of this name from the open folder, by way of "Go to File". */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('ControlOrMeta+P');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(name);
    await this.pick(name);
    await this.page.locator('.editor-group-container .tab', { hasText: name }).waitFor();
  }

  /** Types into the input box that is open and confirms. */
  async enter(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Trusts the open folder, as a person does from the banner of the restricted mode. */
  async trustFolder(): Promise<void> {
    await this.command('Workspaces: Manage Workspace Trust');
    await this.page
      .locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ })
      .first()
      .click();
    await this.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor({ state: 'hidden' });
    await this.closeModalEditor();
  }

  /** The notification with this text; wait for it with `waitFor`, click its buttons with `toastButton`. */
  toast(text: string | RegExp): Locator {
    return this.page
      .locator('.notification-toast', {
        has: this.page.locator('.notification-list-item-message', { hasText: text }),
      })
      .first();
  }

  /** A button of the notification with this text. */
  toastButton(text: string | RegExp, button: string): Locator {
    return this.toast(text).locator('.notification-list-item-buttons-container a.monaco-button', { hasText: button });
  }

  /** The status bar entry with this text. */
  statusBarItem(text: string | RegExp): Locator {
    return this.page.locator('.statusbar-item', { hasText: text }).first();
  }

  /** Fills in the text setting that the settings editor is open at. VS Code writes it a moment later. */
  async fillSetting(text: string): Promise<void> {
    const input = this.page.locator('.settings-editor .setting-item-control input').first();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Closes the editor that lies over the window, as settings and the management of trust do. */
  async closeModalEditor(): Promise<void> {
    await this.page.locator('.monaco-modal-editor-block .codicon-close').first().click();
    await this.page.locator('.monaco-modal-editor-block').waitFor({ state: 'hidden' });
  }

  /**
   * Shows the view container with this title by its icon in the activity bar. The icon of one that is shown hides it: a
   * workbench that puts it back on its own, just before the click, is clicked again.
   */
  async openViewContainer(title: string, page: Page = this.page): Promise<void> {
    const icon = page.locator(`.activitybar a.action-label[aria-label^="${title}"]`).first();
    await icon.waitFor();
    const shown = icon.locator('xpath=ancestor::li[contains(@class, "checked")]');
    await this.until(`the view container ${title}`, async () => {
      if ((await shown.count()) > 0) return true;
      await icon.click();
      await shown.waitFor({ timeout: clickLimitMs }).catch(() => undefined);
      return false;
    });
  }

  /** Opens the view with this title in the view container that is shown, and gives its pane. */
  async openView(title: string, page: Page = this.page): Promise<Locator> {
    const header = page.locator(`.pane-header[aria-label^="${title} Section"]`);
    await header.waitFor();
    if ((await header.getAttribute('aria-expanded')) === 'false') await header.click();
    return page.locator('.pane', { has: header });
  }

  /**
   * The document of the webview that holds an element matching `selector`. VS Code nests it two frames deep: a host
   * page whose name changes with each webview, and in it `#active-frame` with the extension's own HTML.
   */
  async webview(selector: string, page: Page = this.page): Promise<FrameLocator> {
    const end = Date.now() + stepLimitMs;
    for (;;) {
      const names = await page
        .locator('iframe.webview.ready')
        .evaluateAll((frames) => frames.map((frame) => frame.getAttribute('name')));
      for (const name of names) {
        const inner = page.frameLocator(`iframe.webview[name="${name ?? ''}"]`).frameLocator('#active-frame');
        if ((await countIn(inner, selector)) > 0) return inner;
      }
      if (Date.now() > end)
        throw new Error(
          `No webview holds ${selector} after ${stepLimitMs / 1000} s (${names.length} webviews are open).`,
        );
      await page.waitForTimeout(probeMs);
    }
  }

  /** What the integrated terminal in front shows, line by line, without trailing blanks. */
  async terminalText(page: Page = this.page): Promise<string> {
    const rows = page.locator('.terminal-wrapper.active .xterm-rows > div');
    const lines = await rows.evaluateAll((elements) => elements.map((element) => element.textContent));
    return lines
      .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Where the cursor stands in the integrated terminal in front, counted from 0; undefined while it is not drawn. */
  async terminalCursor(): Promise<{ readonly row: number; readonly col: number } | undefined> {
    const rows = this.page.locator('.terminal-wrapper.active .xterm-rows > div');
    return rows.evaluateAll((elements) => {
      for (const [row, element] of elements.entries()) {
        const cursor = element.querySelector('.xterm-cursor');
        if (!cursor) continue;
        let col = 0;
        for (let before = cursor.previousSibling; before; before = before.previousSibling) {
          col += before.textContent?.length ?? 0;
        }
        return { row, col };
      }
      return undefined;
    });
  }

  /** Types into the integrated terminal in front, as the keyboard would. */
  async typeInTerminal(text: string, page: Page = this.page): Promise<void> {
    // While one terminal takes the place of another, both may count as active, and the one that was found goes.
    const inFront = page.locator('.terminal-wrapper.active .xterm:visible').last();
    await this.until('a terminal that can be clicked', () =>
      inFront.click({ timeout: clickLimitMs }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof errors.TimeoutError) return false;
          throw error;
        },
      ),
    );
    await page.keyboard.type(text);
  }

  /** Opens one more terminal of ours, and waits until it is in front and its shell has written something. */
  async newTerminal(): Promise<void> {
    const wrappers = this.page.locator('.terminal-wrapper');
    const before = await wrappers.count();
    await this.command('AI Assistant: New Terminal');
    await this.until('one more terminal', async () => (await wrappers.count()) > before);
    await this.until('a prompt in the new terminal', async () => {
      const isInFront = await wrappers.last().evaluate((element) => element.classList.contains('active'));
      return isInFront && (await this.terminalText()) !== '';
    });
  }

  /** Waits until `condition` holds, probing it; the error names what was waited for and what was seen last. */
  async until<T>(what: string, condition: () => Promise<T | undefined | false>, limitMs = stepLimitMs): Promise<T> {
    const end = Date.now() + limitMs;
    for (;;) {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
      if (Date.now() > end) throw new Error(`Not seen within ${limitMs / 1000} s: ${what}.`);
      await delay(probeMs);
    }
  }

  /** Puts a picture of the page into the test output. */
  async screenshot(name: string, page: Page = this.page): Promise<string> {
    const file = path.join(testOutputFolder, `${name}.png`);
    await fs.mkdir(path.dirname(file), { recursive: true });
    await page.screenshot({ path: file });
    return file;
  }

  /** Reloads the page, and waits until it is painted again. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.painted();
  }

  /**
   * Reloads the window by VS Code's own command, which saves first what the window shows; `reload` is what a browser's
   * button does, or a crash.
   */
  async reloadInOrder(): Promise<void> {
    const loaded = this.page.waitForEvent('load', { timeout: paintLimitMs });
    await this.command('Developer: Reload Window');
    await loaded;
    await this.painted();
  }

  /** Ends VS Code and starts it again on the same data, with the same folder open. */
  async restart(): Promise<void> {
    await this.page.goto('about:blank');
    await this.run.restart();
    await this.page.goto(this.run.server.url({ folder: this.folder }));
    await this.painted();
  }

  /** Opens a second window, by default on the same folder, with its own browser storage. */
  async openWindow(folder: string = this.folder): Promise<Page> {
    const page = this.adopt(await openPage(this.browser));
    await page.goto(this.run.server.url({ folder }));
    await this.painted(page);
    return page;
  }

  /** The living processes of this run whose command line matches: extension hosts, our server, shells. */
  processes(pattern: RegExp): RunProcess[] {
    return listRunProcesses(this.run.folder).filter(({ command }) => pattern.test(command));
  }

  /** Closes the browser and ends every process that the run started, however it was detached. */
  async dispose(): Promise<void> {
    try {
      await this.browser.close();
    } finally {
      await this.run.dispose();
    }
  }

  private adopt(page: Page): Page {
    const note = (text: string) => {
      if (this.pageErrors.length < maxPageErrors) this.pageErrors.push(text);
    };
    page.on('pageerror', (error) => note(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') note(message.text());
    });
    return page;
  }

  private async painted(page: Page = this.page): Promise<void> {
    await page.locator('.monaco-workbench .activitybar .action-item').first().waitFor({ timeout: paintLimitMs });
  }
}

async function openPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(stepLimitMs);
  return page;
}

async function makeFolder(runFolder: string): Promise<string> {
  const folder = path.join(runFolder, 'project');
  await fs.mkdir(folder);
  await fs.writeFile(path.join(folder, 'notes.txt'), 'A folder for a test.\n');
  return folder;
}

/** How the browser is started in tests. */
export function chromiumArguments(): string[] {
  const quiet = [
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  // Chromium's sandbox refuses to run as root, which is who runs tests in containers.
  return process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet;
}

/** Frames come and go while VS Code lays out its views: one that has just gone holds nothing. */
async function countIn(frame: FrameLocator, selector: string): Promise<number> {
  try {
    return await frame.locator(selector).count();
  } catch (error) {
    if (error instanceof Error && /detached|destroyed|closed|navigat/i.test(error.message)) return 0;
    throw error;
  }
}
