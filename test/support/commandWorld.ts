import * as path from 'node:path';
import { systemClock } from '../../server/src/base/clock.ts';
import { CommandRunner } from '../../server/src/terminals/commandRunner.ts';
import { TerminalService } from '../../server/src/terminals/terminalService.ts';
import { SettingsService } from '../../server/src/settings/settingsService.ts';
import { PtyHostWorld } from './ptyHostWorld.ts';
import { recordingLogger } from './recordingLogger.ts';

/** A real runner of commands on a real pty host of its own. */
export class CommandWorld {
  readonly commands: CommandRunner;
  readonly terminals: TerminalService;
  private readonly ptyHost: PtyHostWorld;
  private readonly settings: SettingsService;

  static async open(): Promise<CommandWorld> {
    return new CommandWorld(await PtyHostWorld.open());
  }

  private constructor(ptyHost: PtyHostWorld) {
    const { logger } = recordingLogger();
    this.ptyHost = ptyHost;
    this.settings = new SettingsService(logger);
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], SHELL: '/bin/bash' };
    this.terminals = new TerminalService({
      host: ptyHost.launcher(),
      settings: this.settings,
      workspace: { folders: [] },
      environment,
      clock: systemClock,
      logger,
    });
    const folder = path.join(ptyHost.dataFolder, 'commands');
    this.commands = new CommandRunner({ terminals: this.terminals, folder, environment, clock: systemClock, logger });
  }

  async close(): Promise<void> {
    await this.commands.dispose();
    this.terminals.dispose();
    this.settings.dispose();
    await this.ptyHost.close();
  }
}
