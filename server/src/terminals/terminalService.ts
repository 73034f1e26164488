import * as os from 'node:os';
import type { ParsedParamsOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import { settingName } from '../../protocol/settings.ts';
import type { TerminalCommand, TerminalId, TerminalInfo, TerminalOwner } from '../../protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import type { PtySessionInfo } from '../ptyProtocol/messages.ts';
import type { AuditTrail, PtyHostSource, TerminalSettings, TerminalWorkspace } from './ports.ts';
import type { PtyHostClient } from './hostClient/ptyHostClient.ts';
import { countTyped } from './commands/typedInput.ts';
import { InputTrail } from './inputTrail.ts';
import { LostTerminals } from './lostTerminals.ts';
import { shellEnvironment } from './shells/shellEnvironment.ts';
import type { IntegratedShell, ShellIntegration, ShellStart } from './shells/shellIntegration.ts';
import type { ShellList } from './shells/shellList.ts';
import { checkCwd } from './shells/shells.ts';
import type { TerminalCommands } from './shells/terminalCommands.ts';
import { TerminalChanges, type ListedTerminal, type TerminalChange } from './terminalChanges.ts';
import { decodeMetadata, encodeMetadata, terminalOf, type TerminalMetadata } from './terminalMetadata.ts';

/** What others know of a terminal beside what the pty host and its shell do. */
export type TerminalFacts = Partial<Pick<TerminalInfo, 'waitsForInput' | 'lastCommand' | 'currentFolder'>>;

/** A program to run in a terminal of its own; everything is resolved already. */
export interface TerminalProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | null>>;
  readonly cols: number;
  readonly rows: number;
  readonly name: string;
  readonly owner: TerminalOwner;
  /** Set for a command that runs to its end. */
  readonly command?: NonNullable<TerminalMetadata['command']>;
}

/** A client of this server sent input. */
export interface TerminalInput {
  readonly sessionId: TerminalId;
  readonly data: string;
}

export interface TypingOptions {
  /** Whose input it is, where a client has sent it. */
  readonly by?: Pick<Client, 'tokenId'>;
  readonly signal?: AbortSignal;
}

/** Somebody has typed so many characters by way of another server; none where it was only keys that are no text. */
export interface TypedElsewhere {
  readonly sessionId: TerminalId;
  readonly characters: number;
}

export interface TerminalServiceOptions {
  readonly host: PtyHostSource;
  readonly settings: TerminalSettings;
  readonly workspace: TerminalWorkspace;
  readonly shells: ShellList;
  readonly integration: ShellIntegration;
  readonly commands: TerminalCommands;
  readonly audit: AuditTrail;
  /** The environment that shells start from, before it is cleaned. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for each connection to a pty host; what it gives is disposed with the connection. */
  readonly onHost?: (host: PtyHostClient) => Disposable;
}

/**
 * The terminals of this data folder. They live in the pty host, which is the truth about them; this service adds names,
 * owners and limits, and finds the host again when the connection is lost.
 */
export class TerminalService implements Disposable {
  private readonly options: TerminalServiceOptions;
  private readonly changes: TerminalChanges;
  private readonly written: Emitter<TerminalInput>;
  private readonly typedElsewhere: Emitter<TypedElsewhere>;
  private readonly reports: Disposable;
  private readonly watched = new Map<PtyHostClient, DisposableStore>();
  private readonly input: InputTrail;
  readonly lost = new LostTerminals();
  private readonly facts = new Map<TerminalId, TerminalFacts>();
  private isDisposed = false;

  constructor(options: TerminalServiceOptions) {
    this.options = options;
    const onError = (error: unknown): void => options.logger.error('A terminal listener failed', { error });
    const { audit, clock, logger } = options;
    this.input = new InputTrail({ audit, check: (sessionId) => this.session(sessionId), clock });
    const forget = (sessionId: TerminalId): Promise<void> => this.forget(sessionId);
    this.changes = new TerminalChanges({ list: () => this.listAll(), forget, clock, logger });
    this.written = new Emitter(onError);
    this.typedElsewhere = new Emitter(onError);
    this.reports = options.commands.onChanged(() => this.changes.refreshSoon());
  }

  onChanged(listener: (change: TerminalChange) => void): Disposable {
    return this.changes.on(listener);
  }

  /** Somebody types into a terminal, through this server. */
  onInput(listener: (input: TerminalInput) => void): Disposable {
    return this.written.on(listener);
  }

  /** Somebody types into a terminal by way of another server: another window, or the command line. */
  onTypedElsewhere(listener: (typed: TypedElsewhere) => void): Disposable {
    return this.typedElsewhere.on(listener);
  }

  /** Starts a shell, or the program that the person named. */
  async create(params: ParsedParamsOf<'terminal/create'>): Promise<TerminalInfo> {
    const { workspace, shells } = this.options;
    const cwd = params.cwd ?? workspace.folders[0] ?? os.homedir();
    const [shell] = await Promise.all([shells.choose(params.shell), checkCwd(cwd)]);
    return this.start({
      file: shell.path,
      args: params.args ?? shell.args,
      cwd,
      env: { ...shell.env, ...params.env },
      cols: params.cols,
      rows: params.rows,
      name: params.name ?? shell.name,
      owner: { kind: 'person' },
    });
  }

  /**
   * Starts `program`; the only way to a process in a terminal. Refuses with `ResourceLimit` when `terminals.max` are
   * alive, and with `Unavailable` where it cannot be recorded first.
   */
  async start(program: TerminalProgram): Promise<TerminalInfo> {
    const { environment, workspace } = this.options;
    const env = shellEnvironment(environment, { ...workspace.terminals?.env, ...program.env });
    const { name, cwd, owner, command } = program;
    const metadata = { name, shell: program.file, cwd, owner, command };
    const [host] = await Promise.all([this.host(), this.options.audit.record(startOf(program))]);
    const maxSessions = this.options.settings.get('terminals.max');
    // A host that counts by itself does so for all servers at once.
    if (!host.knowsMaxSessions) await this.checkLimit(host, maxSessions);
    const limit = host.knowsMaxSessions ? { maxSessions } : {};
    const { file, args, cols, rows } = program;
    // A command is never idle: however long it is silent, it ends by itself or by its time limit.
    const isShell = command === undefined;
    const integrated = isShell ? await this.integrate({ file, args, env }) : undefined;
    const shell = integrated?.start ?? { file, args, env };
    const secret = integrated && { markSecret: integrated.markSecret };
    try {
      const launch = { ...shell, ...secret, ...limit, cwd, cols, rows, isShell, metadata: encodeMetadata(metadata) };
      const created = await host.create(launch);
      const terminal = this.describe(newSession(launch, created, this.options.clock.now()));
      this.lost.see(terminal);
      return terminal;
    } catch (error) {
      await integrated?.discard();
      // Where this limit is the one that was met, the person can do something about it.
      if (error instanceof CodedError && error.reason === 'ResourceLimit') await this.checkLimit(host, maxSessions);
      throw error;
    }
  }

  async list(): Promise<TerminalInfo[]> {
    const sessions = await this.sessions();
    return [...sessions.map((session) => this.describe(session)), ...this.lost.list()];
  }

  async get(sessionId: TerminalId): Promise<TerminalInfo> {
    return (await this.findLost(sessionId)) ?? this.describe(await this.session(sessionId));
  }

  /** A terminal that was lost with its pty host, if it is one. */
  async findLost(sessionId: TerminalId): Promise<TerminalInfo | undefined> {
    await this.host();
    return this.lost.get(sessionId);
  }

  /** What is known of a session: by the host, by its shell, and by others. */
  describe(session: PtySessionInfo): TerminalInfo {
    const sessionId = session.sessionId as TerminalId;
    return { ...terminalOf(session), ...this.options.commands.stateOf(sessionId), ...this.facts.get(sessionId) };
  }

  /** The commands that the shell of a terminal has reported, the oldest first. */
  async reportedCommands(sessionId: TerminalId): Promise<readonly TerminalCommand[]> {
    await this.session(sessionId);
    return this.options.commands.of(sessionId);
  }

  /** Adds to what is told of a terminal; undefined takes a fact back. Forgotten with the terminal. */
  setFacts(sessionId: TerminalId, facts: { [K in keyof TerminalFacts]: TerminalFacts[K] | undefined }): void {
    const all = { ...this.facts.get(sessionId), ...facts };
    const known = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    this.facts.set(sessionId, known);
    this.changes.refreshSoon();
  }

  /** Gives input to a terminal; the only way to do so. Refuses with `Unavailable` what cannot be recorded first. */
  async write(sessionId: TerminalId, data: string, { by, signal }: TypingOptions = {}): Promise<void> {
    if (by) await this.input.admit(by, sessionId);
    // Told before, since its echo may come before the answer.
    this.written.fire({ sessionId, data });
    const host = await this.host();
    // The server that runs a command tells its agent; it may be another one than this.
    const characters = (this.changes.get(sessionId)?.isCommand ?? true) ? countTyped(data) : undefined;
    if (characters !== undefined) host.tellTyped(sessionId, characters);
    await host.write(sessionId, Buffer.from(data, 'utf8'), signal);
  }

  async resize(sessionId: TerminalId, size: { cols: number; rows: number }): Promise<void> {
    await (await this.host()).resize(sessionId, size);
  }

  async signal(sessionId: TerminalId, name: ParsedParamsOf<'terminal/signal'>['signal']): Promise<void> {
    await (await this.host()).signal(sessionId, name);
  }

  async rename(sessionId: TerminalId, name: string): Promise<void> {
    const metadata = decodeMetadata((await this.session(sessionId)).metadata);
    if (!metadata) throw new CodedError('Conflict', 'This terminal belongs to another version and cannot be renamed.');
    await (await this.host()).setMetadata(sessionId, encodeMetadata({ ...metadata, name }));
  }

  /** Notes that nobody waits for a command any more, and its time limit, for whoever takes it up after this server. */
  async setBackground(sessionId: TerminalId, timeoutMs: number | null): Promise<void> {
    const metadata = decodeMetadata((await this.session(sessionId)).metadata);
    if (!metadata?.command || (metadata.command.isBackground && metadata.command.timeoutMs === timeoutMs)) return;
    const command = { ...metadata.command, timeoutMs, isBackground: true };
    await (await this.host()).setMetadata(sessionId, encodeMetadata({ ...metadata, command }));
  }

  /** The commands of an agent's conversation that the pty host knows, each with its time limit. */
  async commandsOf(conversationId: string): Promise<{ terminal: TerminalInfo; timeoutMs: number | null }[]> {
    return (await this.sessions()).flatMap((session) => {
      const metadata = decodeMetadata(session.metadata);
      if (!metadata?.command || metadata.owner.kind !== 'agent') return [];
      if (metadata.owner.conversationId !== conversationId) return [];
      return [{ terminal: this.describe(session), timeoutMs: metadata.command.timeoutMs }];
    });
  }

  /** Ends what runs in it, if it still runs, and forgets the terminal. */
  async close(sessionId: TerminalId): Promise<void> {
    if (this.lost.forget(sessionId)) this.changes.refresh();
    else await (await this.host()).close(sessionId);
  }

  /** Lets the host drop a terminal whose exit has been taken note of. One that is gone already is no error. */
  async forget(sessionId: TerminalId): Promise<void> {
    try {
      await (await this.host()).forget(sessionId);
    } catch (error) {
      if (!(error instanceof CodedError && error.reason === 'NotFound')) throw error;
    }
  }

  /** The live connection to the pty host. */
  async host(): Promise<PtyHostClient> {
    if (this.isDisposed) throw new CodedError('Unavailable', 'The server is shutting down.');
    const host = await this.options.host.client();
    if (!this.watched.has(host)) this.watch(host);
    return host;
  }

  dispose(): void {
    this.isDisposed = true;
    for (const store of this.watched.values()) store.dispose();
    this.watched.clear();
    this.reports.dispose();
    this.changes.dispose();
    this.written.dispose();
    this.typedElsewhere.dispose();
  }

  private watch(host: PtyHostClient): void {
    const store = new DisposableStore();
    this.watched.set(host, store);
    this.lost.connected(host.identity.instanceId);
    store.add(this.options.commands.watch(host));
    store.add(host.onSessionsChanged(() => this.changes.refresh()));
    store.add(
      host.onTypedElsewhere(({ sessionId, characters }) =>
        this.typedElsewhere.fire({ sessionId: sessionId as TerminalId, characters }),
      ),
    );
    const served = this.options.onHost?.(host);
    if (served) store.add(served);
    store.add(
      host.onClosed((error) => {
        this.options.logger.warn('The connection to the pty host is lost', { detail: error.message });
        this.watched.delete(host);
        store.dispose();
        this.changes.refresh();
      }),
    );
    this.changes.refresh();
  }

  private async integrate(shell: ShellStart): Promise<IntegratedShell | undefined> {
    const { settings, integration } = this.options;
    return settings.get('terminals.shellIntegration') ? integration.integrate(shell) : undefined;
  }

  /** All sessions of the host, once it is known what their shells have reported. */
  private async sessions(): Promise<readonly PtySessionInfo[]> {
    const host = await this.host();
    const sessions = await host.list();
    await this.options.commands.catchUp(host, sessions);
    return sessions;
  }

  private async listAll(): Promise<ListedTerminal[]> {
    const listed = (await this.sessions()).map((session) => ({
      terminal: this.describe(session),
      isCommand: decodeMetadata(session.metadata)?.command !== undefined,
    }));
    this.lost.seeAll(listed.map(({ terminal }) => terminal));
    listed.push(...this.lost.list().map((terminal) => ({ terminal, isCommand: false })));
    const known = new Set(listed.map(({ terminal }) => terminal.sessionId));
    for (const sessionId of this.facts.keys()) if (!known.has(sessionId)) this.facts.delete(sessionId);
    return listed;
  }

  private async session(sessionId: TerminalId): Promise<PtySessionInfo> {
    const session = (await this.sessions()).find((candidate) => candidate.sessionId === sessionId);
    if (session) return session;
    throw new CodedError('NotFound', 'There is no such terminal any more.', { args: { sessionId } });
  }

  private async checkLimit(host: PtyHostClient, max: number): Promise<void> {
    const active = (await host.list()).filter((session) => session.exit === null).length;
    if (active < max) return;
    throw new CodedError(
      'ResourceLimit',
      `${active} terminals are open, and the setting ${settingName('terminals.max')} allows ${max}. Close one, or raise the setting.`,
      { args: { active, max } },
    );
  }
}

/** What the audit log is told before a program runs. */
function startOf({ owner, command, ...program }: TerminalProgram): Parameters<AuditTrail['record']>[0] {
  const { file, args, cwd, name } = program;
  const agent = owner.kind === 'agent' ? { agent: owner } : {};
  // The arguments of a command hold its wrapper, and its text stands in the command line.
  return command === undefined
    ? { kind: 'terminal.created', ...agent, details: { shell: file, args, cwd, name } }
    : { kind: 'command.run', ...agent, details: { commandLine: command.commandLine, cwd, shell: file } };
}

/** A session as the host lists it right after its start; asking for the list would only take time. */
function newSession(
  { cols, rows, metadata }: Pick<PtySessionInfo, 'cols' | 'rows' | 'metadata'>,
  created: { readonly sessionId: string; readonly pid: number },
  createdAtMs: number,
): PtySessionInfo {
  const nothing = { exit: null, producedBytes: 0, ringStartOffset: 0, checkpointOffset: null, markCount: 0 };
  return { ...created, cols, rows, metadata, createdAtMs, ...nothing };
}
