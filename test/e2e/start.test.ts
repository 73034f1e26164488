import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { killGroup } from '../../scripts/command.ts';
import { projectFolder } from '../../scripts/project.ts';
import { probePort } from '../../scripts/workbench/vscodeServer.ts';
import { codeServerVersion, installVscodeServer } from '../../scripts/workbench/vscodeServerInstallation.ts';
import { endRunProcesses, listRunProcesses } from '../support/runProcesses.ts';

const startLimitMs = 120_000;

describe('npm start', () => {
  let folder: string;
  let child: ChildProcess | undefined;

  beforeEach(async function () {
    this.timeout(startLimitMs * 5);
    const { mainScript } = await installVscodeServer((line) => console.log(line));
    folder = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'ada-')));
    await fs.mkdir(path.join(folder, 'cache'));
    await fs.mkdir(path.join(folder, 'project'));
    // A cache of its own, so that nobody's settings are touched; only the download is shared.
    const installed = path.resolve(mainScript, '..', '..');
    await fs.symlink(installed, path.join(folder, 'cache', `vscode-server-${codeServerVersion}`));
  });

  afterEach(async () => {
    if (child) killGroup(child);
    child = undefined;
    await endRunProcesses(folder);
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  const start = (...args: string[]) => {
    child = spawn(process.execPath, [path.join(projectFolder, 'scripts', 'bootstrap.mjs'), 'start', ...args], {
      cwd: projectFolder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        AI_DEV_ASSISTANT_CACHE: path.join(folder, 'cache'),
        AI_DEV_ASSISTANT_HOME: path.join(folder, 'data'),
        INIT_CWD: folder,
      },
    });
    return child as ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream };
  };

  const failure = async (...args: string[]) => {
    const failing = start(...args);
    let errors = '';
    failing.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const [code] = (await once(failing, 'close')) as [number];
    return { code, errors: errors.trim() };
  };

  it('opens VS Code on the folder with the extension, prints its address alone on a line, and leaves nothing behind', async function () {
    this.timeout(startLimitMs);
    const port = (await probePort(0)) ?? 0;
    const starting = start('--no-open', '--port', String(port), '--folder', 'project');
    const lines: string[] = [];
    let address: string | undefined;
    for await (const line of readline.createInterface({ input: starting.stdout })) {
      lines.push(line);
      if (line.startsWith('http')) address = line;
      if (address) break;
    }
    assert.ok(address, lines.join('\n'));
    const url = new URL(address);
    assert.equal(url.origin, `http://127.0.0.1:${port}`);
    assert.equal(url.searchParams.get('folder'), path.join(folder, 'project'));
    assert.match(url.searchParams.get('tkn') ?? '', /^[0-9a-f]{48}$/);

    const withToken = await fetch(url, { redirect: 'manual' });
    const withoutToken = await fetch(url.origin, { redirect: 'manual' });
    assert.deepEqual([withToken.status, withoutToken.status], [302, 403]);
    const extensions = await fs.readdir(path.join(folder, 'cache', 'workbench', `port-${port}`, 'extensions'));
    assert.ok(
      extensions.some((name) => name.startsWith('ai-dev-assistant.ai-dev-assistant-')),
      extensions.join(),
    );

    starting.kill('SIGINT');
    const [code] = (await once(starting, 'exit')) as [number];
    assert.equal(code, 0);
    assert.deepEqual(listRunProcesses(folder), []);
  });

  it('ends with the reason when it cannot open anything', async function () {
    this.timeout(startLimitMs);
    assert.deepEqual(await failure('--folder', 'nowhere'), {
      code: 1,
      errors: `The folder ${path.join(folder, 'nowhere')} does not exist: name one that does with --folder.`,
    });
    assert.match(
      (await failure('--port', 'many')).errors,
      /^"many" is no port: --port takes a number from 1 to 65535\.$/,
    );
    assert.match((await failure('--fodler', 'project')).errors, /--fodler/);
  });
});
