import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { downloadAndUnzipVSCode, runTests, runVSCodeCommand } from '@vscode/test-electron';
import { cacheFolder } from '../../scripts/project.ts';
import { vsixFile } from '../../scripts/vsix.ts';
import { endRunProcesses } from '../support/runProcesses.ts';
import { resultFileVariable } from './results.ts';
import type { SuiteRun } from './runOnServer.ts';

const downloadHost = 'https://update.code.visualstudio.com';
const probeLimitMs = 3_000;
const showIntervalMs = 200;

/** Whether VS Code desktop can be downloaded here and has a display to run on. */
export async function isDesktopPossible(): Promise<boolean> {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) return false;
  try {
    const response = await fetch(`${downloadHost}/api/releases/stable`, { signal: AbortSignal.timeout(probeLimitMs) });
    await response.arrayBuffer();
    return response.ok;
  } catch (error) {
    console.log(`VS Code desktop cannot be downloaded (${error instanceof Error ? error.message : String(error)}).`);
    return false;
  }
}

/** Runs the suites in VS Code desktop, downloaded once into the cache folder, with the packed VSIX installed. */
export async function runOnDesktop({ bundle, results, limitMs }: SuiteRun): Promise<void> {
  const vsix = vsixFile();
  if (!existsSync(vsix)) throw new Error(`${vsix} does not exist: run "npm run package" first.`);
  const cachePath = path.join(cacheFolder(), 'vscode-desktop');
  const vscodeExecutablePath = await downloadAndUnzipVSCode({ version: 'stable', cachePath });
  const folder = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'ada-')));
  const project = path.join(folder, 'project');
  await fs.mkdir(project);
  const state = [`--user-data-dir=${path.join(folder, 'user')}`, `--extensions-dir=${path.join(folder, 'extensions')}`];
  const show = setInterval(() => results.showNews(), showIntervalMs);
  const limit = setTimeout(() => void endRunProcesses(folder).catch(console.error), limitMs);
  try {
    await runVSCodeCommand(['--install-extension', vsix, ...state], { cachePath, version: 'stable' });
    await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: bundle.extensionFolder,
      extensionTestsPath: bundle.testsModule,
      extensionTestsEnv: { AI_DEV_ASSISTANT_HOME: path.join(folder, 'data'), [resultFileVariable]: results.file },
      launchArgs: [
        project,
        ...state,
        '--disable-workspace-trust',
        '--skip-welcome',
        '--skip-release-notes',
        '--disable-gpu',
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ],
    });
  } finally {
    clearInterval(show);
    clearTimeout(limit);
    results.showNews();
    await endRunProcesses(folder);
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  }
}
