import * as path from 'node:path';
import { systemClock, type Clock } from '../../server/src/base/clock.ts';
import { AgentCommands } from '../../server/src/terminals/commands/agentCommands.ts';
import { CommandOutputFiles } from '../../server/src/terminals/commands/commandOutputFiles.ts';
import { CommandOutputs } from '../../server/src/terminals/commands/commandOutputs.ts';
import { CommandRunner } from '../../server/src/terminals/commands/commandRunner.ts';
import { TerminalService } from '../../server/src/terminals/terminalService.ts';
import { SettingsService } from '../../server/src/settings/settingsService.ts';
import { PtyHostWorld } from './ptyHostWorld.ts';
import type { RecordedAudit } from './recordedAudit.ts';
import { recordingLogger } from './recordingLogger.ts';
import { shellParts } from './shellParts.ts';

let worlds = 0;

/** A real runner of commands on a real pty host of its own. */
export class CommandWorld {
  readonly runner: CommandRunner;
  readonly outputs: CommandOutputs;
  readonly commands: AgentCommands;
  readonly dataFolder: string;
  readonly terminals: TerminalService;
  private readonly ptyHost: PtyHostWorld;
  private readonly settings: SettingsService;
  private readonly parts: ReturnType<typeof shellParts>;

  /** What the audit log was told; it can be made to refuse. */
  get audit(): RecordedAudit {
    return this.parts.audit;
  }

  static async open(clock = systemClock): Promise<CommandWorld> {
    return new CommandWorld(await PtyHostWorld.open(), clock);
  }

  private constructor(ptyHost: PtyHostWorld, clock: Clock) {
    const { logger } = recordingLogger();
    this.ptyHost = ptyHost;
    this.settings = new SettingsService(logger);
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], SHELL: '/bin/bash' };
    this.parts = shellParts({ dataFolder: ptyHost.dataFolder, environment, logger });
    this.terminals = new TerminalService({
      host: ptyHost.launcher(),
      settings: this.settings,
      workspace: { folders: [] },
      ...this.parts,
      environment,
      clock,
      logger,
    });
    const { terminals } = this;
    this.dataFolder = ptyHost.dataFolder;
    const folder = path.join(ptyHost.dataFolder, 'commands');
    const files = new CommandOutputFiles({ folder: path.join(folder, 'output'), clock, logger });
    this.runner = new CommandRunner({
      ...{ terminals, files, environment, clock, logger },
      folder: path.join(folder, `${++worlds}`),
    });
    this.outputs = new CommandOutputs({ terminals, runner: this.runner, files });
    this.commands = new AgentCommands({ runner: this.runner, outputs: this.outputs, files, terminals, clock });
  }

  async close(): Promise<void> {
    await this.runner.dispose();
    this.terminals.dispose();
    this.parts.dispose();
    this.settings.dispose();
    await this.ptyHost.close();
  }
}
