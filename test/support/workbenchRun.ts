import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { testOutputFolder } from '../../scripts/project.ts';
import { vsixFile } from '../../scripts/vsix.ts';
import { initialSettings } from '../../scripts/workbench/settings.ts';
import {
  installExtension,
  probePort,
  VscodeServer,
  type VscodeServerOptions,
} from '../../scripts/workbench/vscodeServer.ts';
import { installVscodeServer } from '../../scripts/workbench/vscodeServerInstallation.ts';
import { endRunProcesses, killRunProcesses } from './runProcesses.ts';

/** What differs between runs of a VS Code server for tests. */
export interface WorkbenchRunOptions {
  /** Names the logs that the run leaves in the test output. */
  readonly name: string;
  /** Added to the settings that every run has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Added to the environment of VS Code, and so of the extension and its server; undefined removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether VS Code asks if a folder is to be trusted; when not, all are. */
  readonly workspaceTrust?: boolean;
  readonly extraArguments?: readonly string[];
}

const testSettings = {
  ...initialSettings,
  // Text that can be read out of the page, and no pictures drawn by software.
  'terminal.integrated.gpuAcceleration': 'off',
  'terminal.integrated.enableMultiLinePasteWarning': 'never',
  'window.confirmBeforeClose': 'never',
  'git.openRepositoryInParentFolders': 'never',
};

/** Keys and addresses of a person's own model accounts: a test must never use them by accident. */
const modelVariables = /^(OPENAI|ANTHROPIC|GEMINI|GOOGLE|AZURE|MISTRAL|GROQ|OLLAMA|OPENROUTER)_/;

/** A VS Code server with the packed extension, in folders of its own, and everything it started. */
export class WorkbenchRun {
  /** A short path, since Unix sockets in it have at most 104 bytes. */
  readonly folder: string;
  /** The product's data folder of this run. */
  readonly dataFolder: string;
  private server_: VscodeServer;
  private readonly serverOptions: VscodeServerOptions;
  private readonly name: string;
  private readonly killOnExit: () => void;

  private constructor(parts: {
    name: string;
    folder: string;
    server: VscodeServer;
    serverOptions: VscodeServerOptions;
    killOnExit: () => void;
  }) {
    this.name = parts.name;
    this.folder = parts.folder;
    this.dataFolder = path.join(parts.folder, 'data');
    this.server_ = parts.server;
    this.serverOptions = parts.serverOptions;
    this.killOnExit = parts.killOnExit;
  }

  static async start(options: WorkbenchRunOptions): Promise<WorkbenchRun> {
    const vsix = vsixFile();
    if (!existsSync(vsix)) throw new Error(`${vsix} does not exist: run "npm run package" first.`);
    const installation = await installVscodeServer((line) => console.log(line));
    const folder = realpathSync(await fs.mkdtemp(path.join(os.tmpdir(), 'ada-')));
    for (const name of ['data', 'home', 'sockets']) mkdirSync(path.join(folder, name), { mode: 0o700 });
    const killOnExit = () => killRunProcesses(folder);
    process.once('exit', killOnExit);
    process.once('SIGTERM', exitOnSignal);
    try {
      await installExtension(installation, folder, vsix);
      const serverOptions: VscodeServerOptions = {
        installation,
        stateFolder: folder,
        port: (await probePort(0)) ?? 0,
        connectionToken: randomBytes(24).toString('hex'),
        workspaceTrust: options.workspaceTrust ?? false,
        initialSettings: { ...testSettings, ...options.settings },
        extraArguments: options.extraArguments ?? [],
        environment: runEnvironment(folder, options.environment),
      };
      const server = await VscodeServer.start(serverOptions);
      return new WorkbenchRun({ name: options.name, folder, server, serverOptions, killOnExit });
    } catch (error) {
      await discard(folder, killOnExit);
      throw error;
    }
  }

  get server(): VscodeServer {
    return this.server_;
  }

  /** Ends VS Code with all of its extension hosts, and starts it again on the same data at the same address. */
  async restart(): Promise<void> {
    await this.server_.stop();
    this.server_ = await VscodeServer.start(this.serverOptions);
  }

  /** Stops everything that belongs to the run, keeps its logs in the test output and removes its folder. */
  async dispose(): Promise<void> {
    try {
      await this.server.stop();
      await keepLogs(this.folder, path.join(testOutputFolder, 'logs', this.name));
    } finally {
      await discard(this.folder, this.killOnExit);
    }
  }
}

/** A signal alone would end the process without its exit listeners, and so leave VS Code behind. */
function exitOnSignal(): void {
  process.exit(143);
}

async function discard(folder: string, killOnExit: () => void): Promise<void> {
  try {
    await endRunProcesses(folder);
  } finally {
    process.removeListener('exit', killOnExit);
    process.removeListener('SIGTERM', exitOnSignal);
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function runEnvironment(
  folder: string,
  additions: WorkbenchRunOptions['environment'],
): Record<string, string | undefined> {
  const removed = Object.keys(process.env).filter((name) => modelVariables.test(name));
  return {
    ...Object.fromEntries(removed.map((name) => [name, undefined])),
    AI_DEV_ASSISTANT_HOME: path.join(folder, 'data'),
    HOME: path.join(folder, 'home'),
    XDG_RUNTIME_DIR: path.join(folder, 'sockets'),
    ...additions,
  };
}

async function keepLogs(folder: string, destination: string): Promise<void> {
  await fs.rm(destination, { recursive: true, force: true });
  for (const [from, to] of [
    ['server.log', 'vscode-server.log'],
    ['server/data/logs', 'vscode'],
    ['user/logs', 'vscode'],
    ['data/logs', 'product'],
  ] as const) {
    const source = path.join(folder, from);
    if (existsSync(source)) await fs.cp(source, path.join(destination, to), { recursive: true });
  }
}
