import * as path from 'node:path';
import { mkdirSync } from 'node:fs';
import type { ServerNotification } from '../../server/protocol/contract.ts';
import { readSettings } from '../../server/protocol/settings.ts';
import type {
  ConversationId,
  SessionEvent,
  SessionUpdate,
  SessionUpdateKind,
} from '../../server/protocol/sessionEvents.ts';
import { createSessionHandlers } from '../../server/src/agents/sessionHandlers.ts';
import { SessionService } from '../../server/src/agents/sessionService.ts';
import { systemClock } from '../../server/src/base/clock.ts';
import type { RequestContext } from '../../server/src/base/handlers.ts';
import { DiskEditorHost } from '../../server/src/editorHost/diskEditorHost.ts';
import { Endpoints } from '../../server/src/providers/endpoints.ts';
import { LanguageModels, type LanguageModelsOptions } from '../../server/src/providers/languageModels.ts';
import { listingNamespace } from '../../server/src/providers/listingCache.ts';
import { ModelCatalog } from '../../server/src/providers/modelCatalog.ts';
import { PolicyGate } from '../../server/src/security/policyGate.ts';
import { SettingsService } from '../../server/src/settings/settingsService.ts';
import { WorkspaceService } from '../../server/src/settings/workspaceService.ts';
import { JournalStore } from '../../server/src/storage/journalStore.ts';
import { FileSearch } from '../../server/src/tools/fileSearch.ts';
import { fileListNamespace, FolderLists } from '../../server/src/tools/folderLists.ts';
import type { CommandRunner } from '../../server/src/tools/ports.ts';
import { ToolRegistry } from '../../server/src/tools/toolRegistry.ts';
import type { CacheService } from '../../server/src/cache/cacheService.ts';
import { createCache } from './memoryCache.ts';
import { FullDisk } from './fullDisk.ts';
import { RecordedAudit } from './recordedAudit.ts';
import { TestClient } from './testClient.ts';
import { ModelServer } from './modelServer.ts';
import type { ModelScript, ScriptedReply } from './modelScript.ts';
import { recordingLogger } from './recordingLogger.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { waitFor } from './waitFor.ts';

export interface AgentWorldOptions {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly limits?: LanguageModelsOptions['limits'];
  readonly commands?: CommandRunner;
  readonly trusted?: boolean;
}

/** Commands are not part of most tests of the agent; asking for one where none was given is a failure of the test. */
const refuse = (): Promise<never> => Promise.reject(new Error('This test was not given a command runner.'));
const noCommands: CommandRunner = {
  run: refuse,
  read: refuse,
  stop: refuse,
  takeUp: () => Promise.resolve(undefined),
};

/**
 * An agent on real parts: journals on disk, the policy gate, files on disk, providers over a socket. Only the model is
 * scripted. `restart` builds a second server on the same folder, as after a crash.
 */
export class AgentWorld {
  readonly model: ModelServer;
  readonly workspaceFolder: string;
  readonly dataFolder: string;
  readonly logLines: string[];
  readonly client = new TestClient();
  readonly disk = new FullDisk();
  readonly audit = new RecordedAudit();
  readonly broadcasts: { method: ServerNotification; params: unknown }[] = [];
  readonly settings: SettingsService;
  sessions: SessionService;
  catalog: ModelCatalog;
  private journals: JournalStore;
  private cache: CacheService;
  private folderLists: FolderLists;
  private readonly folder = temporaryFolder();
  private readonly logger = recordingLogger();
  readonly workspace: WorkspaceService;
  private readonly options: AgentWorldOptions;

  static async open(script: ModelScript = {}, options: AgentWorldOptions = {}): Promise<AgentWorld> {
    return new AgentWorld(await ModelServer.start({ models: ['test-model'], ...script }), options);
  }

  private constructor(model: ModelServer, options: AgentWorldOptions) {
    this.model = model;
    this.options = options;
    this.logLines = this.logger.lines;
    this.workspaceFolder = path.join(this.folder.path, 'workspace');
    this.dataFolder = path.join(this.folder.path, 'data');
    mkdirSync(this.workspaceFolder);
    mkdirSync(this.dataFolder);
    this.settings = new SettingsService(this.logger.logger);
    this.configure({});
    this.workspace = new WorkspaceService(this.logger.logger);
    this.workspace.replace({
      folders: [{ path: this.workspaceFolder, name: 'workspace' }],
      trusted: options.trusted ?? true,
    });
    const built = this.build();
    this.sessions = built.sessions;
    this.catalog = built.catalog;
    this.journals = built.journals;
    this.cache = built.cache;
    this.folderLists = built.folderLists;
  }

  /** Sets settings beside the model's address. */
  configure(settings: Readonly<Record<string, unknown>>): void {
    const all = {
      'providers.openaiCompatible.baseUrl': this.model.baseUrl,
      // Nothing listens there, so that a model on the machine of whoever runs the tests changes nothing.
      'providers.ollama.baseUrl': 'http://127.0.0.1:9',
      ...this.options.settings,
      ...settings,
    };
    const { warnings } = readSettings(all);
    if (warnings.length > 0) throw new Error(warnings.join('\n'));
    this.settings.replace(all);
  }

  /** Handlers of the group `session`, as the router calls them. */
  get handlers() {
    return createSessionHandlers(this.sessions);
  }

  context(client = this.client, signal = new AbortController().signal): RequestContext {
    return { client, signal, correlationId: 'test' };
  }

  /** Starts a conversation and watches it. */
  async begin(...replies: readonly ScriptedReply[]): Promise<ConversationId> {
    this.model.willReply(...replies);
    const { sessionId } = await this.sessions.create(this.workspaceFolder);
    await this.sessions.attach(sessionId, undefined, this.client);
    return sessionId;
  }

  prompt(sessionId: ConversationId, text: string, context = this.context()) {
    return this.sessions.prompt({ sessionId, prompt: [{ type: 'text', text }] }, context);
  }

  /** Waits for an event of a kind that `matches`, and gives its update. */
  update<K extends SessionUpdateKind>(
    kind: K,
    matches: (update: Extract<SessionUpdate, { sessionUpdate: K }>) => boolean = () => true,
  ): Promise<Extract<SessionUpdate, { sessionUpdate: K }>> {
    type Wanted = Extract<SessionUpdate, { sessionUpdate: K }>;
    return waitFor(`an event ${kind}`, () =>
      this.client.events
        .map(({ update }) => update)
        .find((update): update is Wanted => update.sessionUpdate === kind && matches(update as Wanted)),
    );
  }

  /** The conversation's whole journal, read from the disk by a server of its own. */
  async journal(sessionId: ConversationId): Promise<readonly SessionEvent[]> {
    const { logger } = this.logger;
    const store = new JournalStore({ dataFolder: this.dataFolder, logger, clock: systemClock });
    const journal = await store.open(sessionId);
    try {
      return [...journal.events()];
    } finally {
      await journal.close();
      await store.dispose();
    }
  }

  /** Ends this server and starts the next one on the same data folder. */
  async restart(): Promise<void> {
    await this.stopServer();
    const { sessions, catalog, journals, cache, folderLists } = this.build();
    this.sessions = sessions;
    this.catalog = catalog;
    this.journals = journals;
    this.cache = cache;
    this.folderLists = folderLists;
  }

  async close(): Promise<void> {
    await this.stopServer();
    this.settings.dispose();
    this.workspace.dispose();
    await this.model.close();
    this.folder.remove();
  }

  private async stopServer(): Promise<void> {
    await this.sessions.close();
    this.catalog.dispose();
    await this.journals.dispose();
    this.folderLists.dispose();
    await this.cache.close();
  }

  private build() {
    const { logger } = this.logger;
    const { settings, workspace, dataFolder } = this;
    const clock = systemClock;
    const broadcaster = {
      notifyAll: (method: ServerNotification, params: unknown) => this.broadcasts.push({ method, params }),
    };
    const endpoints = new Endpoints(settings, { get: () => Promise.resolve(null) });
    const shared = { endpoints, fetch: globalThis.fetch, clock, logger };
    const cache = createCache({ folder: path.join(dataFolder, 'cache'), logger });
    const catalog = new ModelCatalog({ ...shared, settings, broadcaster, cache: cache.namespace(listingNamespace) });
    const journals = new JournalStore({ dataFolder, logger, clock, fileSystem: this.disk.fileSystem });
    const { limits, commands = noCommands } = this.options;
    const models = new LanguageModels({ ...shared, catalog, ...(limits && { limits }) });
    const folderLists = new FolderLists({ cache: cache.namespace(fileListNamespace), clock, logger });
    const tools = new ToolRegistry(
      {
        policy: new PolicyGate({ ownFolder: dataFolder, logger }),
        audit: this.audit,
        files: new DiskEditorHost(),
        search: new FileSearch(() => undefined, folderLists, logger),
        commands,
      },
      logger,
    );
    const { audit } = this;
    const ports = { journals, models, tools, audit, settings, workspace, broadcaster, clock, logger };
    const sessions = new SessionService(ports);
    return { sessions, catalog, journals, cache, folderLists };
  }
}
