import * as path from 'node:path';
import { projectFolder } from '../../scripts/project.ts';
import { systemClock } from '../../server/src/base/clock.ts';
import type { Disposable } from '../../server/src/base/disposable.ts';
import type { Logger } from '../../server/src/base/logger.ts';
import { ShellIntegration } from '../../server/src/terminals/shells/shellIntegration.ts';
import { ShellList } from '../../server/src/terminals/shells/shellList.ts';
import { TerminalCommands } from '../../server/src/terminals/shells/terminalCommands.ts';
import { RecordedAudit } from './recordedAudit.ts';

/** What a real terminal service needs to know of shells. The scripts are those of the sources. */
export function shellParts(options: {
  readonly dataFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
}): {
  shells: ShellList;
  integration: ShellIntegration;
  commands: TerminalCommands;
  audit: RecordedAudit;
} & Disposable {
  const { dataFolder, environment, logger } = options;
  const sources = { platform: process.platform, etcShells: '/etc/shells' };
  const shells = new ShellList({ workspace: { folders: [] }, environment, sources, logger });
  const integration = new ShellIntegration({
    scriptsFolder: path.join(projectFolder, 'server/src/terminals/shells/shellIntegration'),
    secretsFolder: path.join(dataFolder, 'shellSecrets'),
    clock: systemClock,
    logger,
  });
  const commands = new TerminalCommands(logger);
  const dispose = (): void => {
    integration.dispose();
    commands.dispose();
  };
  return { shells, integration, commands, audit: new RecordedAudit(), dispose };
}
