import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { InitializationOptions } from '../protocol/server.ts';
import type { HandshakeAnswer } from '../protocol/server.ts';
import { contractVersion } from '../protocol/version.ts';
import { ClientRegistry } from './base/clientRegistry.ts';
import { coarseClock, systemClock } from './base/clock.ts';
import { DisposableStore } from './base/disposable.ts';
import { nodeFileSystem } from './base/fileSystem.ts';
import { createProcessTable } from './base/processTable.ts';
import type { Client } from './base/handlers.ts';
import { HiddenValues } from './base/hiddenValues.ts';
import type { Logger } from './base/logger.ts';
import { createCacheHandlers } from './cache/cacheHandlers.ts';
import { CacheService } from './cache/cacheService.ts';
import { createSessionHandlers } from './agents/sessionHandlers.ts';
import { SessionService } from './agents/sessionService.ts';
import { AttachedEditorHost } from './editorHost/attachedEditorHost.ts';
import { DiskEditorHost } from './editorHost/diskEditorHost.ts';
import { Endpoints } from './providers/endpoints.ts';
import { LanguageModels } from './providers/languageModels.ts';
import { listingNamespace } from './providers/listingCache.ts';
import { ModelCatalog } from './providers/modelCatalog.ts';
import { createModelHandlers } from './providers/modelHandlers.ts';
import { createTokenHandlers } from './security/tokens/tokenHandlers.ts';
import { TokenStore } from './security/tokens/tokenStore.ts';
import { createAuditLog } from './security/audit/auditLog.ts';
import type { AuditService } from './security/audit/auditService.ts';
import { PolicyGate } from './security/policyGate.ts';
import { createConversationHandlers } from './storage/conversationHandlers.ts';
import { ConversationExchange } from './storage/exchange/conversationExchange.ts';
import { ConversationIndex } from './storage/index/conversationIndex.ts';
import { compactTurn } from './agents/compactEvents.ts';
import { JournalStore } from './storage/journalStore.ts';
import { AutomaticBackups } from './storage/backups/automaticBackups.ts';
import { createBackupHandlers } from './storage/backups/backupHandlers.ts';
import { BackupService } from './storage/backups/backupService.ts';
import { gatedJournals, StorageGate } from './storage/backups/storageGate.ts';
import { AgentCommands } from './terminals/commands/agentCommands.ts';
import { createCommandHandlers } from './terminals/commands/commandHandlers.ts';
import { CommandOutputFiles } from './terminals/commands/commandOutputFiles.ts';
import { CommandOutputs } from './terminals/commands/commandOutputs.ts';
import { CommandRunner } from './terminals/commands/commandRunner.ts';
import { FileSearch } from './tools/fileSearch.ts';
import { fileListNamespace, FolderLists } from './tools/folderLists.ts';
import { ToolRegistry } from './tools/toolRegistry.ts';
import { createHealthHandlers } from './health/healthHandlers.ts';
import { collectGarbage } from './health/collectGarbage.ts';
import { DataFolderWatch } from './health/dataFolderWatch.ts';
import { HealthService } from './health/healthService.ts';
import { InstallationWatch } from './health/installationWatch.ts';
import { readMemory } from './health/memoryGauges.ts';
import { MemoryWatch } from './health/memoryWatch.ts';
import { CostlyCalls } from './rpc/costlyCalls.ts';
import { RateLimiter } from './rpc/rateLimiter.ts';
import { Router } from './rpc/router.ts';
import { SecretService } from './settings/secretService.ts';
import { createSettingsHandlers } from './settings/settingsHandlers.ts';
import { SettingsService } from './settings/settingsService.ts';
import { WorkspaceService } from './settings/workspaceService.ts';
import { maxKeepAliveHours } from './ptyProtocol/limits.ts';
import { OrphanSweep, ownFolder } from './terminals/orphanSweep.ts';
import { LazyPtyHost } from './terminals/hostClient/lazyPtyHost.ts';
import { ShellIntegration } from './terminals/shells/shellIntegration.ts';
import { ShellList } from './terminals/shells/shellList.ts';
import { TerminalCommands } from './terminals/shells/terminalCommands.ts';
import { LastScreens } from './terminals/screens/lastScreens.ts';
import { ScreenCheckpoints } from './terminals/screens/screenCheckpoints.ts';
import { Screens } from './terminals/screens/screens.ts';
import { ScreenThread } from './terminals/screens/screenThread.ts';
import { createTerminalHandlers } from './terminals/terminalHandlers.ts';
import { TerminalService } from './terminals/terminalService.ts';
import { TerminalSnapshots } from './terminals/screens/terminalSnapshots.ts';
import { TerminalViewers } from './terminals/terminalViewers.ts';
import { bundleFolder, readVersion } from './version.ts';

export interface ServerOptions {
  /** Absolute path; exists and is private to the person. */
  readonly dataFolder: string;
  readonly logger: Logger;
  /** What the logger keeps out of its lines; the data folder's token is put there, and is kept out of the audit log too. */
  readonly hidden?: HiddenValues;
  /** What this process was started with: shells start from it, and keys come from it outside an editor. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** False: terminals are only looked for, and no pty host is started for want of one. Default true. */
  readonly startsPtyHost?: boolean;
  /** True: a backup is made before an upgrade and once a day. Default false, for what runs only a moment. */
  readonly makesBackups?: boolean;
}

/** A companion server without its doors: transports are attached to it from outside. */
export interface Server {
  readonly router: Router;
  readonly clients: ClientRegistry;
  readonly health: HealthService;
  readonly settings: SettingsService;
  readonly tokens: TokenStore;
  readonly audit: AuditService;
  readonly instanceId: string;
  /**
   * Takes settings and workspace as a client gave them, and marks the server as started: `recovered` where the one
   * before it ended uncleanly, which a client's count of restarts says if nobody else does.
   */
  configure(handshake: InitializationOptions, recovered?: boolean): void;
  /** Attaches a client that has shaken hands. An editor is asked for secrets and buffers from then on. */
  connect(client: Client, handshake: InitializationOptions): HandshakeAnswer;
  /** Ends everything this server started, except the terminals, which live on. */
  dispose(): Promise<void>;
}

/** The composition root: builds the services, joins their ports, registers their handlers. */
export function createServer(options: ServerOptions): Server {
  const { dataFolder, logger, environment, startsPtyHost = true, makesBackups = false } = options;
  const { hidden = new HiddenValues() } = options;
  const store = new DisposableStore();
  const version = readVersion();
  const instanceId = randomBytes(6).toString('hex');
  const clients = new ClientRegistry();
  let ripgrepPath: string | undefined;
  const health = new HealthService({ clock: systemClock, version });
  const troubleOf = (component: string) => (message?: string) =>
    health.setComponent(component, message === undefined ? 'ready' : 'degraded', message);
  store.add(new DataFolderWatch({ dataFolder, health, clock: systemClock, logger }));
  const latePart = path.join(bundleFolder, 'modelLibraries.js');
  store.add(new InstallationWatch({ file: latePart, health, clock: systemClock, logger }));
  const settings = store.add(new SettingsService(logger));
  const workspace = store.add(new WorkspaceService(logger));
  const secrets = store.add(new SecretService(environment, logger));
  const ground = { settings, workspace, secrets, environment, health, clock: systemClock, logger };
  const audit = createAuditLog({ ...ground, dataFolder, instanceId, version, hidden });

  const keepAliveHours = (): number => Math.min(maxKeepAliveHours, settings.get('terminals.keepAliveHours'));
  const ptyHost = store.add(
    new LazyPtyHost(() => ({
      bundleFile: path.join(bundleFolder, 'ptyHost.js'),
      nodePtyFolder: path.join(bundleFolder, '..', 'node_modules', 'node-pty'),
      dataFolder,
      // Who only looks for terminals has no say in how long they live.
      keepAliveHours: startsPtyHost ? keepAliveHours() : undefined,
      startsHost: startsPtyHost,
      log: logger,
    })),
  );
  if (startsPtyHost) store.add(settings.onChanged(() => ptyHost.setKeepAlive(keepAliveHours())));
  const sources = { platform: process.platform, etcShells: '/etc/shells' };
  const shells = new ShellList({ workspace, environment, sources, logger });
  const secretsFolder = path.join(dataFolder, 'shellSecrets');
  const integration = store.add(
    new ShellIntegration({
      scriptsFolder: path.join(bundleFolder, 'shellIntegration'),
      secretsFolder: ownFolder(secretsFolder, instanceId),
      clock: systemClock,
      logger,
    }),
  );
  const reported = store.add(new TerminalCommands(logger));
  store.add(reported.onFinished((finished) => clients.notifyAll('terminal/commandFinished', finished)));
  const workerFile = path.join(bundleFolder, 'screenWorker.js');
  const screenThread = store.add(new ScreenThread({ workerFile, clock: systemClock, logger }));
  const screens = new Screens(screenThread);
  const lastScreens = new LastScreens(screenThread);
  const checkpoints = store.add(new ScreenCheckpoints({ screens, settings, clock: systemClock, logger }));
  const terminals = store.add(
    new TerminalService({
      host: ptyHost,
      settings,
      workspace,
      shells,
      integration,
      commands: reported,
      audit: audit.trail,
      environment,
      clock: systemClock,
      logger,
      onHost: (host) => checkpoints.serve(host),
    }),
  );
  const viewers = store.add(
    new TerminalViewers({ terminals, screens, lastScreens, settings, clock: systemClock, logger }),
  );
  store.add(terminals.onChanged((change) => clients.notifyAll('terminal/changed', change)));

  const commandsFolder = path.join(dataFolder, 'commands');
  const outputFiles = new CommandOutputFiles({
    folder: path.join(commandsFolder, 'output'),
    clock: systemClock,
    logger,
  });
  const runner = new CommandRunner({
    terminals,
    files: outputFiles,
    folder: ownFolder(commandsFolder, instanceId),
    environment,
    clock: systemClock,
    logger,
  });
  store.add(
    new OrphanSweep({
      parents: [commandsFolder, secretsFolder],
      ptyHostFolder: path.join(dataFolder, 'ptyHost'),
      outputs: outputFiles,
      clock: systemClock,
      logger,
    }),
  );
  const outputs = new CommandOutputs({ terminals, runner, files: outputFiles });
  const commands = new AgentCommands({ runner, outputs, files: outputFiles, terminals, clock: systemClock });

  const cache = new CacheService({
    folder: path.join(dataFolder, 'cache'),
    settings,
    health,
    fileSystem: nodeFileSystem,
    clock: coarseClock,
    logger,
  });

  const endpoints = new Endpoints(settings, secrets);
  const models = { endpoints, fetch: globalThis.fetch, clock: systemClock, logger };
  const listings = cache.namespace(listingNamespace);
  const catalog = store.add(new ModelCatalog({ ...models, settings, cache: listings, broadcaster: clients }));
  store.add(settings.onChanged(() => catalog.settingsChanged()));
  store.add(secrets.onChanged(() => catalog.invalidate()));

  const disk = new DiskEditorHost();
  const files = new AttachedEditorHost({ editor: () => secrets.attachedEditor, disk, clock: systemClock, logger });
  const tokens = store.add(
    new TokenStore({
      dataFolder,
      hidden,
      fileSystem: nodeFileSystem,
      clock: systemClock,
      logger,
      onRepaired: (why) => audit.trail.tell({ kind: 'token.changed', outcome: 'replaced', details: { why } }),
    }),
  );
  const policy = new PolicyGate({ ownFolder: dataFolder, logger });
  const fileLists = cache.namespace(fileListNamespace);
  const folderLists = store.add(new FolderLists({ cache: fileLists, clock: systemClock, logger }));
  const search = new FileSearch(() => ripgrepPath, folderLists, logger);
  const tools = new ToolRegistry({ policy, audit: audit.trail, files, search, commands }, logger);
  const index = new ConversationIndex({
    dataFolder,
    workerFile: path.join(bundleFolder, 'indexWorker.js'),
    wasmFile: path.join(bundleFolder, 'sql-wasm.wasm'),
    clock: systemClock,
    logger,
    onProgress: (done, total) => clients.notifyAll('conversation/indexProgressed', { done, total }),
    onTrouble: troubleOf('search'),
  });
  const journals = new JournalStore({
    dataFolder,
    logger,
    clock: systemClock,
    index,
    compactTurn,
    onTrouble: troubleOf('journals'),
  });
  const gate = new StorageGate(systemClock);
  const sessions = new SessionService({
    journals: gatedJournals(journals, gate),
    models: new LanguageModels({ ...models, catalog }),
    tools,
    audit: audit.trail,
    settings,
    workspace,
    broadcaster: clients,
    clock: systemClock,
    logger,
  });
  const exchange = new ConversationExchange({
    dataFolder,
    fileSystem: nodeFileSystem,
    journals,
    index,
    compactTurn,
    workspace,
    audit: audit.trail,
    gate,
    clock: systemClock,
    logger,
    onImported: (session) => clients.notifyAll('session/changed', { sessionId: session.sessionId, session }),
  });
  store.add(
    new MemoryWatch({
      health,
      clock: systemClock,
      logger,
      read: readMemory,
      collect: collectGarbage,
      shed: async (level) => {
        const freedBytes =
          cache.shed(level === 'critical' ? 1 : 0.5) + lastScreens.shed((sessionId) => viewers.isNeeded(sessionId));
        return { freedBytes, conversations: level === 'critical' ? await sessions.closeUnused() : 0 };
      },
    }),
  );
  const backupSystem = {
    dataFolder,
    productVersion: version,
    fileSystem: nodeFileSystem,
    clock: systemClock,
    logger,
    onTrouble: troubleOf('backups'),
  };
  const backups = new BackupService({
    ...backupSystem,
    processes: createProcessTable(),
    gate,
    closeConversations: async () => {
      await sessions.closeAll();
      await exchange.closeExports();
      journals.forgetListed();
    },
    refuseWhileBusy: () => sessions.refuseWhileTurnRuns(),
    audit: audit.trail,
  });
  store.add(workspace.onChanged(() => backups.noteFolders(workspace.folders)));
  backups.start();
  const automaticBackups = makesBackups ? new AutomaticBackups({ ...backupSystem, backups }) : undefined;

  const costly = new CostlyCalls();
  const router: Router = new Router({
    handlers: {
      ...createHealthHandlers({ health, version, instanceId, dataFolder, methods: (client) => router.methods(client) }),
      ...createSettingsHandlers({ settings, workspace, secrets }),
      ...createTerminalHandlers({
        terminals,
        viewers,
        shells,
        snapshots: new TerminalSnapshots(terminals, screens, lastScreens),
      }),
      ...createCommandHandlers(runner, outputs, workspace),
      ...createModelHandlers(catalog),
      ...costly.bound(createSessionHandlers(sessions), ['session/list']),
      ...costly.bound(createConversationHandlers({ index, conversations: sessions, exchange, workspace }), [
        'conversation/search',
        'conversation/usage',
        'conversation/export',
      ]),
      ...createCacheHandlers(cache),
      ...createTokenHandlers(tokens, audit.trail),
      ...costly.bound(createBackupHandlers(backups, systemClock), ['backup/list']),
      ...audit.handlers,
    },
    limiter: new RateLimiter(settings, systemClock),
    logger,
    clock: systemClock,
    instanceId,
    onForbidden: (method) => {
      audit.trail.tell({ kind: 'request.refused', outcome: 'Forbidden', details: { method } });
    },
  });
  store.add(router);

  const configure = (handshake: InitializationOptions, recovered = handshake.restarts > 0): void => {
    settings.replace(handshake.settings);
    workspace.replace(handshake.workspace);
    ripgrepPath = handshake.ripgrepPath;
    health.markStarted({ restarts: handshake.restarts, recovered });
  };
  return {
    router,
    clients,
    health,
    settings,
    tokens,
    audit: audit.trail,
    instanceId,
    configure,
    connect(client, handshake) {
      configure(handshake);
      clients.add(client);
      if (client.kind === 'editor') secrets.attachEditor(client);
      return { version, contractVersion, instanceId };
    },
    async dispose() {
      // Commands go on without their turns, which end first, while they can still write how they ended.
      runner.letGo();
      await automaticBackups?.dispose();
      await backups.stop();
      await sessions.close();
      await exchange.dispose();
      await journals.dispose();
      await index.dispose();
      await runner.dispose();
      await audit.dispose();
      store.dispose();
      await cache.close();
      await backups.dispose();
    },
  };
}
