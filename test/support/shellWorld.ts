import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { systemClock } from '../../server/src/base/clock.ts';
import type { TerminalCommand, TerminalId } from '../../server/protocol/terminal.ts';
import { SettingsService } from '../../server/src/settings/settingsService.ts';
import type { FinishedCommand } from '../../server/src/terminals/shells/terminalCommands.ts';
import { TerminalService } from '../../server/src/terminals/terminalService.ts';
import { PtyHostWorld, Viewer } from './ptyHostWorld.ts';
import { recordingLogger } from './recordingLogger.ts';
import { shellParts } from './shellParts.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { waitFor } from './waitFor.ts';

/** A service as a server has it: real shells on a real pty host. Several may share one host, one after the other. */
class ShellServer {
  readonly finished: FinishedCommand[] = [];
  readonly terminals: TerminalService;
  readonly settings: SettingsService;
  private readonly parts: ReturnType<typeof shellParts>;

  constructor(ptyHost: PtyHostWorld, environment: Readonly<Record<string, string>>) {
    const { logger } = recordingLogger();
    this.settings = new SettingsService(logger);
    this.parts = shellParts({ dataFolder: ptyHost.dataFolder, environment, logger });
    this.parts.commands.onFinished((finished) => this.finished.push(finished));
    this.terminals = new TerminalService({
      host: ptyHost.launcher(),
      settings: this.settings,
      workspace: { folders: [] },
      ...this.parts,
      environment,
      clock: systemClock,
      logger,
    });
  }

  dispose(): void {
    this.terminals.dispose();
    this.parts.dispose();
    this.settings.dispose();
  }
}

/** Shells with a home folder of their own, typed to as a person would. `close` makes sure that nothing is left. */
export class ShellWorld {
  /** The folder in which shells start; its files are the person's. */
  readonly home: string;
  server: ShellServer;
  private readonly ptyHost: PtyHostWorld;
  private readonly folder = temporaryFolder();

  static async open(): Promise<ShellWorld> {
    return new ShellWorld(await PtyHostWorld.open());
  }

  private constructor(ptyHost: PtyHostWorld) {
    this.ptyHost = ptyHost;
    this.home = path.join(fs.realpathSync(this.folder.path), 'home');
    this.clearHome();
    this.server = this.newServer();
  }

  /** Where the secrets for shells are put. */
  get secretsFolder(): string {
    return path.join(this.ptyHost.dataFolder, 'shellSecrets');
  }

  clearHome(): void {
    fs.rmSync(this.home, { recursive: true, force: true });
    fs.mkdirSync(this.home, { recursive: true });
  }

  writeHome(file: string, text: string): void {
    const target = path.join(this.home, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }

  /** The server goes, and another one takes its place; the host stays. */
  restartServer(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.server.dispose();
    return between().then(() => {
      this.server = this.newServer();
    });
  }

  /** Starts a shell and waits until it reports. */
  async start(shell: string, params: { args?: string[]; env?: Record<string, string> } = {}): Promise<TypedShell> {
    const typed = await this.startPlain(shell, params);
    await waitFor(`${shell} to report`, async () => (await typed.info()).hasShellIntegration);
    return typed;
  }

  async startPlain(shell: string, params: { args?: string[]; env?: Record<string, string> } = {}): Promise<TypedShell> {
    const { terminals } = this.server;
    const { sessionId } = await terminals.create({ shell, cwd: this.home, cols: 200, rows: 24, ...params });
    return new TypedShell(this, sessionId, await Viewer.open(await terminals.host(), { sessionId }));
  }

  async close(): Promise<void> {
    this.server.dispose();
    await this.ptyHost.close();
    this.folder.remove();
  }

  private newServer(): ShellServer {
    const environment = { PATH: process.env['PATH'] ?? '', HOME: this.home, LANG: 'C.UTF-8' };
    return new ShellServer(this.ptyHost, environment);
  }
}

/** One shell of such a world. */
class TypedShell {
  readonly sessionId: TerminalId;
  readonly viewer: Viewer;
  private readonly world: ShellWorld;

  constructor(world: ShellWorld, sessionId: TerminalId, viewer: Viewer) {
    this.world = world;
    this.sessionId = sessionId;
    this.viewer = viewer;
  }

  get finished(): readonly FinishedCommand[] {
    return this.world.server.finished.filter(({ sessionId }) => sessionId === this.sessionId);
  }

  info() {
    return this.world.server.terminals.get(this.sessionId);
  }

  commands(): Promise<readonly TerminalCommand[]> {
    return this.world.server.terminals.reportedCommands(this.sessionId);
  }

  /** Prompts that have come in all. */
  get promptCount(): number {
    return this.viewer.text.split('\x1b]633;B\x07').length - 1;
  }

  async untilPrompt(count: number): Promise<void> {
    await waitFor(`prompt ${count}`, () => this.promptCount >= count);
  }

  async type(text: string): Promise<void> {
    await this.world.server.terminals.write(this.sessionId, text);
  }

  /** Types a command line and waits for its end; gives what was told of it. */
  async run(commandLine: string): Promise<FinishedCommand> {
    const before = this.finished.length;
    await this.type(`${commandLine}\r`);
    const ended = await waitFor(
      `the end of ${commandLine}; output: ${this.viewer.text.slice(-500)}`,
      () => this.finished[before],
    );
    await this.untilShown(ended);
    return ended;
  }

  /** The end of a command is told beside the output, and may come before its last bytes. */
  async untilShown({ output }: FinishedCommand): Promise<void> {
    await waitFor('its output', () => this.viewer.offset >= output.toOffset);
  }

  /** The bytes between the offsets at which a command's output stands. */
  outputOf({ output }: FinishedCommand): string {
    const { startOffset, bytes } = this.viewer;
    return bytes.subarray(output.fromOffset - startOffset, output.toOffset - startOffset).toString('utf8');
  }

  async close(): Promise<void> {
    this.viewer.dispose();
    await this.world.server.terminals.close(this.sessionId);
  }
}

/** Absolute path of a program in PATH, or undefined. */
export function programInPath(name: string): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).stdout.trim();
  return found === '' ? undefined : found;
}
