import { setTimeout as delay } from 'node:timers/promises';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { testOutputFolder } from '../../scripts/project.ts';
import { ensureChromium } from '../../scripts/workbench/chromium.ts';
import { chromiumArguments } from '../support/workbench.ts';
import { WorkbenchRun } from '../support/workbenchRun.ts';
import type { SuiteBundle } from './bundleSuites.ts';
import { resultFileVariable, type ResultFile } from './results.ts';

const showIntervalMs = 200;

/** What a runner needs to know. */
export interface SuiteRun {
  readonly bundle: SuiteBundle;
  readonly results: ResultFile;
  readonly limitMs: number;
}

/**
 * Runs the suites in the extension host of a VS Code server. The workbench starts them when its address says so and the
 * server has its driver for smoke tests on; it tells the end by calling a function of the page.
 */
export async function runOnServer({ bundle, results, limitMs }: SuiteRun): Promise<void> {
  const executablePath = await ensureChromium((line) => console.log(line));
  const run = await WorkbenchRun.start({
    name: 'vscode',
    extraArguments: ['--enable-smoke-test-driver'],
    environment: { [resultFileVariable]: results.file },
  });
  const browser = await chromium.launch({ executablePath, headless: true, args: chromiumArguments() });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const ended = Promise.withResolvers<undefined>();
    await page.exposeFunction('codeAutomationExit', () => ended.resolve(undefined));
    await page.exposeFunction('codeAutomationLog', () => undefined);
    const folder = path.join(run.folder, 'project');
    await fs.mkdir(folder);
    const remote = (file: string) => `vscode-remote://${run.server.authority}${file}`;
    await page.goto(
      run.server.url({
        folder,
        payload: [
          ['extensionDevelopmentPath', remote(bundle.extensionFolder)],
          ['extensionTestsPath', remote(bundle.testsModule)],
        ],
      }),
    );
    await showUntil(results, ended.promise, limitMs, page);
  } finally {
    await browser.close();
    await run.dispose();
  }
}

async function showUntil(results: ResultFile, ended: Promise<undefined>, limitMs: number, page: Page): Promise<void> {
  const show = setInterval(() => results.showNews(), showIntervalMs);
  const limit = new AbortController();
  try {
    const outcome = await Promise.race([
      ended.then(() => 'ended' as const),
      delay(limitMs, 'late' as const, { signal: limit.signal }),
    ]);
    results.showNews();
    if (outcome === 'ended') return;
    await page.screenshot({ path: path.join(testOutputFolder, 'vscode-late.png') });
    throw new Error(`The suites did not end within ${limitMs / 1000} s; a picture is in test-output/vscode-late.png.`);
  } finally {
    clearInterval(show);
    limit.abort();
  }
}
