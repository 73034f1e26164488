import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { readTotals, totalsFileVariable, type Totals } from './totals.ts';
import { buildProduct, printSizes } from './build.ts';
import { checks, runCheck } from './checks.ts';
import { runCommand, runTask } from './command.ts';
import { formatBytes, projectFolder, testOutputFolder } from './project.ts';
import { suiteFiles, suites, type Preparation, type Suite } from './suites.ts';
import { hostTarget, packVsix } from './vsix.ts';
import { ensureChromium } from './workbench/chromium.ts';
import { ensureTerminalPrograms } from './terminalPrograms.ts';
import { installVscodeServer } from './workbench/vscodeServerInstallation.ts';

const nodeFlags = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'];
/** VS Code's server needs POSIX; on Windows the suites of the "vscode" part run in VS Code desktop, journeys do not. */
const unavailable: ReadonlySet<string> = new Set(process.platform === 'win32' ? ['e2e'] : []);

/** Runs everything, or the suites named as arguments. */
async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const chosen = names.length > 0 ? names.map(findSuite) : suites.filter((suite) => suiteFiles(suite).length > 0);
  const parts: Totals[] = [];
  if (names.length === 0) {
    heading('checks');
    for (const check of checks) parts.push(one(await runCheck(check), `The check of ${check.name}`));
  }
  const missing = new Set<Preparation>();
  for (const need of new Set(chosen.filter(isAvailable).flatMap((suite) => suite.needs))) {
    const isThere = await prepare(need);
    if (!isThere) missing.add(need);
    // As a stage of the whole it counts like a check; for a single suite only its failure is worth a number.
    if (names.length === 0 || !isThere) parts.push(one(isThere, `Getting ready: ${need}`));
  }
  for (const suite of chosen) {
    heading(`${suite.name} tests`);
    const lacks = suite.needs.find((need) => missing.has(need));
    if (!isAvailable(suite)) parts.push(notRun(suite, 'not available on Windows', 'skipped'));
    else if (lacks) parts.push(notRun(suite, `there is no ${lacks}`, 'failed'));
    else parts.push(await runSuite(suite, names.length > 0 ? suite.alone : undefined));
  }
  const sum = (key: Exclude<keyof Totals, 'failures'>) => parts.reduce((total, part) => total + part[key], 0);
  const failures = parts.flatMap((part) => part.failures);
  if (failures.length > 0) {
    heading('failures');
    for (const failure of failures) console.log(`✖ ${failure}`);
  }
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return sum('failed') > 0 ? 1 : 0;
}

function findSuite(name: string): Suite {
  const suite = suites.find((candidate) => candidate.name === name);
  if (!suite)
    throw new Error(`There is no suite "${name}": choose from ${suites.map((known) => known.name).join(', ')}.`);
  if (suiteFiles(suite).length === 0)
    throw new Error(`The suite "${name}" has no tests (${suite.patterns.join(', ')}).`);
  return suite;
}

function isAvailable(suite: Suite): boolean {
  return !unavailable.has(suite.name);
}

/** Makes what suites need; tells why when it cannot. */
async function prepare(need: Preparation): Promise<boolean> {
  heading(need);
  try {
    console.log(`✔ ${await preparations[need]()}`);
    return true;
  } catch (error) {
    console.log(`✖ ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

const preparations: Readonly<Record<Preparation, () => Promise<string>>> = {
  package: async () => {
    printSizes(await buildProduct({ minify: true }));
    const file = await packVsix(hostTarget(), { quiet: true });
    return `${path.basename(file)} (${formatBytes((await fs.stat(file)).size)})`;
  },
  browser: () => ensureChromium((line) => console.log(line)),
  programs: () => ensureTerminalPrograms((line) => console.log(line)),
  workbench: async () => path.resolve((await installVscodeServer((line) => console.log(line))).mainScript, '../..'),
};

/** Runs a suite to its end and returns its totals; a suite that breaks off counts as one more failure. */
async function runSuite(suite: Suite, alone: Suite['alone']): Promise<Totals> {
  const { limitMs, environment } = { limitMs: suite.limitMs, environment: {}, ...alone };
  const startedAt = Date.now();
  const totalsFile = path.join(testOutputFolder, 'totals', `${suite.name}.json`);
  await fs.rm(totalsFile, { force: true });
  const mocha = [path.join('node_modules', 'mocha', 'bin', 'mocha.js'), '--reporter', 'test/support/totalsReporter.ts'];
  const args = suite.runner ? [...nodeFlags, suite.runner] : [...mocha, ...suiteFiles(suite)];
  const result = await runCommand(process.execPath, args, {
    cwd: projectFolder,
    env: { ...environment, ...process.env, [totalsFileVariable]: totalsFile },
    timeoutMs: limitMs,
    output: 'shown',
  });
  console.log(`(${((Date.now() - startedAt) / 1000).toFixed(0)} s)`);
  const totals = readTotals(totalsFile) ?? { passed: 0, failed: 0, skipped: 0, failures: [] };
  if (result.exitCode === 0 && totals.passed + totals.skipped > 0) return totals;
  if (totals.failed > 0 && !result.timedOut) return totals;
  const reason = result.timedOut
    ? `did not end within ${limitMs / 60_000} minutes`
    : `broke off with exit code ${result.exitCode}`;
  const failure = `The ${suite.name} tests ${reason}`;
  console.log(`✖ ${failure}`);
  return { ...totals, failed: totals.failed + 1, failures: [...totals.failures, failure] };
}

function notRun(suite: Suite, reason: string, as: 'failed' | 'skipped'): Totals {
  console.log(`${as === 'failed' ? '✖' : '-'} not run: ${reason}`);
  if (as === 'failed') return one(false, `The ${suite.name} tests: ${reason}`);
  return { passed: 0, failed: 0, skipped: suiteFiles(suite).length, failures: [] };
}

function one(passed: boolean, what: string): Totals {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, failures: passed ? [] : [what] };
}

function heading(text: string): void {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(3, 70 - text.length))}`);
}

if (import.meta.main) await runTask(main);
