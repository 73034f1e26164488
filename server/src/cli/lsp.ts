import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { CodedError } from '../../protocol/errors.ts';
import { initializationOptions, type HandshakeAnswer } from '../../protocol/server.ts';
import { contractVersion, isCompatible } from '../../protocol/version.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger, LogLevel } from '../base/logger.ts';
import { createServer, type Server } from '../createServer.ts';
import { serveIpc, serveStdio, type ClientIntroduction } from '../transports/languageServerTransport.ts';
import { prepareDataFolder, resolveDataFolder } from './dataFolder.ts';
import { exitCodes } from './exitCodes.ts';
import { createProcessLogger } from './processLogger.ts';
import { SettingsFile } from './settingsFile.ts';

export interface LspOptions {
  readonly stdio?: true;
  readonly nodeIpc?: true;
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}

/** A language server for the process that started this one, until that process ends it. */
export function runLsp(options: LspOptions): void {
  if (options.stdio !== true && options.nodeIpc !== true) {
    throw new CommanderError(exitCodes.usage, 'lsp.noChannel', 'error: say how to speak: ai-dev-assistant lsp --stdio');
  }
  const { logger, setLevel, hidden } = createProcessLogger(options.logLevel ?? 'info');
  const dataFolder = resolveDataFolder(options.dataDir);
  prepareDataFolder(dataFolder);
  const environment = { ...process.env };
  const server = createServer({ dataFolder, logger, hidden, environment, makesBackups: true });
  // What the command line says wins over the setting.
  if (options.logLevel === undefined) server.settings.onChanged((settings) => setLevel(settings['log.level']));
  const settingsFile = new SettingsFile(dataFolder, environment, logger);
  const serve = options.nodeIpc === true ? serveIpc : serveStdio;
  serve({
    router: server.router,
    logger,
    initialize: (client, params) => {
      // An editor that knows of us says what the settings are, and says it again when they change.
      const isKnowing = params.initializationOptions !== undefined && params.initializationOptions !== null;
      const introduction = isKnowing ? params.initializationOptions : defaultOptions(params, settingsFile.read());
      const answer = initialize(server, client, introduction, logger);
      if (!isKnowing) settingsFile.watch((read) => server.settings.replace(read));
      return answer;
    },
    shutdown: () => server.dispose(),
  });
}

function initialize(server: Server, client: Client, introduction: unknown, logger: Logger): HandshakeAnswer {
  const handshake = initializationOptions.safeParse(introduction);
  if (!handshake.success) {
    const detail = handshake.error.issues[0]?.message ?? 'invalid';
    throw new CodedError('InvalidParams', `initializationOptions cannot be used: ${detail}.`, {
      cause: handshake.error,
    });
  }
  const options = handshake.data;
  if (!isCompatible(contractVersion, options.contractVersion)) {
    const show = (version: { major: number; minor: number }): string => `${version.major}.${version.minor}`;
    const ours = show(contractVersion);
    const theirs = show(options.contractVersion);
    throw new CodedError(
      'Unsupported',
      `This server speaks contract ${ours}, the client ${theirs}. Update the older of the two.`,
      { args: { ours, theirs } },
    );
  }
  logger.info('Client connected', {
    client: client.id,
    correlationId: options.correlationId,
    restarts: options.restarts,
  });
  return server.connect(client, options);
}

/**
 * What an editor that knows nothing of us is taken to have said: its folders, which nobody has called trusted, and the
 * settings outside an editor.
 */
function defaultOptions(params: ClientIntroduction, settings: object): unknown {
  const folders = (params.workspaceFolders ?? [])
    .filter((folder) => folder.uri.startsWith('file:'))
    .map((folder) => ({ path: fileURLToPath(folder.uri), name: folder.name }));
  return {
    contractVersion: { major: contractVersion.major, minor: 0 },
    correlationId: 'startup-lsp',
    workspace: { folders, trusted: false },
    settings,
    restarts: 0,
  };
}
