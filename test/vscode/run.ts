import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { runTask } from '../../scripts/command.ts';
import { testOutputFolder } from '../../scripts/project.ts';
import { writeTotals } from '../../scripts/totals.ts';
import { bundleSuites } from './bundleSuites.ts';
import { ResultFile } from './results.ts';
import { isDesktopPossible, runOnDesktop } from './runOnDesktop.ts';
import { runOnServer } from './runOnServer.ts';

const limitMs = 8 * 60_000;

/** Runs the mocha suites of test/vscode inside a real extension host: one set of suites, two ways to get a VS Code. */
async function main(): Promise<number> {
  const bundle = await bundleSuites();
  const file = path.join(testOutputFolder, 'vscode', 'results.jsonl');
  await fs.rm(file, { force: true });
  const results = new ResultFile(file);
  const runner = await chooseRunner();
  console.log(`Running ${bundle.suiteFiles} suites in VS Code (${runner}) ...`);
  try {
    await (runner === 'desktop' ? runOnDesktop : runOnServer)({ bundle, results, limitMs });
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
  }
  const totals = results.totals();
  writeTotals(totals);
  console.log(`${totals.passed} passing, ${totals.failed} failing, ${totals.skipped} pending`);
  return totals.failed > 0 ? 1 : 0;
}

async function chooseRunner(): Promise<'desktop' | 'server'> {
  const wish = process.env['AI_DEV_ASSISTANT_VSCODE'];
  if (wish === 'desktop' || wish === 'server') return wish;
  if (wish) throw new Error(`AI_DEV_ASSISTANT_VSCODE is "${wish}": set it to "desktop" or "server".`);
  return (await isDesktopPossible()) ? 'desktop' : 'server';
}

if (import.meta.main) await runTask(main);
