import * as os from 'node:os';
import type { ParsedParamsOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { TerminalCommand, TerminalId, TerminalInfo, TerminalOwner } from '../../protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { PtySessionInfo } from '../ptyProtocol/messages.ts';
import type { PtyHostSource, TerminalSettings, TerminalWorkspace } from './ports.ts';
import type { PtyHostClient } from './hostClient/ptyHostClient.ts';
import { LostTerminals } from './lostTerminals.ts';
import { shellEnvironment } from './shells/shellEnvironment.ts';
import type { IntegratedShell, ShellIntegration, ShellStart } from './shells/shellIntegration.ts';
import type { ShellList } from './shells/shellList.ts';
import { checkCwd } from './shells/shells.ts';
import type { TerminalCommands } from './shells/terminalCommands.ts';
import { decodeMetadata, encodeMetadata, terminalOf, type TerminalMetadata } from './terminalMetadata.ts';

/** A terminal was created, or what is told of it has changed (`terminal`), or it was forgotten (null). */
export interface TerminalChange {
  readonly sessionId: TerminalId;
  readonly terminal: TerminalInfo | null;
}

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

const hourMs = 3_600_000;
/**
 * How long an exited terminal stays for who comes late. A command is forgotten by the server that waits for it; one whose
 * server has died is to be found when its conversation is opened again.
 */
const keepExitedMs = { shell: hourMs, command: 7 * 24 * hourMs } as const;

/** Facts may change many times a second; clients are told about so often. */
const factsDelayMs = 200;

export interface TerminalServiceOptions {
  readonly host: PtyHostSource;
  readonly settings: TerminalSettings;
  readonly workspace: TerminalWorkspace;
  readonly shells: ShellList;
  readonly integration: ShellIntegration;
  readonly commands: TerminalCommands;
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
  private readonly changed: Emitter<TerminalChange>;
  private readonly written: Emitter<TerminalInput>;
  private readonly reports: Disposable;
  private readonly watched = new Map<PtyHostClient, DisposableStore>();
  /** What was told last; undefined before the first look, which tells nothing. */
  private known: ReadonlyMap<TerminalId, TerminalInfo> | undefined;
  private refreshing: Promise<void> | undefined;
  private refreshAgain = false;
  /** Timers of exited terminals. */
  private readonly expiring = new Map<TerminalId, Disposable>();
  readonly lost = new LostTerminals();
  private readonly facts = new Map<TerminalId, TerminalFacts>();
  private factsTimer: Disposable | undefined;
  private starting = 0;
  private isDisposed = false;

  constructor(options: TerminalServiceOptions) {
    this.options = options;
    const onError = (error: unknown): void => options.logger.error('A terminal listener failed', { error });
    this.changed = new Emitter(onError);
    this.written = new Emitter(onError);
    this.reports = options.commands.onChanged(() => this.refreshSoon());
  }

  onChanged(listener: (change: TerminalChange) => void): Disposable {
    return this.changed.on(listener);
  }

  /** Somebody types into a terminal, through this server. */
  onInput(listener: (input: TerminalInput) => void): Disposable {
    return this.written.on(listener);
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

  /** Starts `program`. Refuses with `ResourceLimit` when `terminals.max` are alive. */
  async start(program: TerminalProgram): Promise<TerminalInfo> {
    const { environment, workspace } = this.options;
    const env = shellEnvironment(environment, { ...workspace.terminals?.env, ...program.env });
    const { name, cwd, owner, command } = program;
    const metadata = { name, shell: program.file, cwd, owner, command };
    const host = await this.host();
    // Counted until the host lists it, so that callers at the same time cannot pass the limit together.
    this.starting++;
    try {
      await this.checkLimit(host);
    } catch (error) {
      this.starting--;
      throw error;
    }
    const { file, args, cols, rows } = program;
    // A command is never idle: however long it is silent, it ends by itself or by its time limit.
    const isShell = command === undefined;
    const integrated = isShell ? await this.integrate({ file, args, env }) : undefined;
    const shell = integrated?.start ?? { file, args, env };
    const secret = integrated && { markSecret: integrated.markSecret };
    try {
      const launch = { ...shell, ...secret, cwd, cols, rows, isShell, metadata: encodeMetadata(metadata) };
      const created = await host.create(launch).finally(() => this.starting--);
      const terminal = this.describe(newSession(launch, created, this.options.clock.now()));
      this.lost.see(terminal);
      return terminal;
    } catch (error) {
      await integrated?.discard();
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
    this.refreshSoon();
  }

  async write(sessionId: TerminalId, data: string, signal?: AbortSignal): Promise<void> {
    // Told before, since its echo may come before the answer.
    this.written.fire({ sessionId, data });
    await (await this.host()).write(sessionId, Buffer.from(data, 'utf8'), signal);
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
    if (this.lost.forget(sessionId)) this.refresh();
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
    this.factsTimer?.dispose();
    for (const timer of this.expiring.values()) timer.dispose();
    this.changed.dispose();
    this.written.dispose();
  }

  private watch(host: PtyHostClient): void {
    const store = new DisposableStore();
    this.watched.set(host, store);
    this.lost.connected(host.identity.instanceId);
    store.add(this.options.commands.watch(host));
    store.add(host.onSessionsChanged(() => this.refresh()));
    const served = this.options.onHost?.(host);
    if (served) store.add(served);
    store.add(
      host.onClosed((error) => {
        this.options.logger.warn('The connection to the pty host is lost', { detail: error.message });
        this.watched.delete(host);
        store.dispose();
        if (!this.isDisposed) this.refresh();
      }),
    );
    this.refresh();
  }

  private async integrate(shell: ShellStart): Promise<IntegratedShell | undefined> {
    const { settings, integration } = this.options;
    return settings.get('terminals.shellIntegration') ? integration.integrate(shell) : undefined;
  }

  private refreshSoon(): void {
    if (this.isDisposed) return;
    this.factsTimer ??= this.options.clock.after(factsDelayMs, () => {
      this.factsTimer = undefined;
      this.refresh();
    });
  }

  /** All sessions of the host, once it is known what their shells have reported. */
  private async sessions(): Promise<readonly PtySessionInfo[]> {
    const host = await this.host();
    const sessions = await host.list();
    await this.options.commands.catchUp(host, sessions);
    return sessions;
  }

  private async session(sessionId: TerminalId): Promise<PtySessionInfo> {
    const session = (await this.sessions()).find((candidate) => candidate.sessionId === sessionId);
    if (session) return session;
    throw new CodedError('NotFound', 'There is no such terminal any more.', { args: { sessionId } });
  }

  private async checkLimit(host: PtyHostClient): Promise<void> {
    const max = this.options.settings.get('terminals.max');
    const active = (await host.list()).filter((session) => session.exit === null).length;
    // Those that others of this server's callers are starting now count as well.
    if (active + this.starting <= max) return;
    throw new CodedError(
      'ResourceLimit',
      `${active} terminals are open, and the setting aiDevAssistant.terminals.max allows ${max}. Close one, or raise the setting.`,
      { args: { active, max } },
    );
  }

  /** Compares the host's list with what was told last, and tells the difference. Changes meanwhile are not missed. */
  private refresh(): void {
    if (this.refreshing) {
      this.refreshAgain = true;
      return;
    }
    this.refreshing = this.tellChanges()
      .catch((error: unknown) => this.options.logger.warn('The list of terminals could not be refreshed', { error }))
      .finally(() => {
        this.refreshing = undefined;
        if (this.refreshAgain && !this.isDisposed) {
          this.refreshAgain = false;
          this.refresh();
        }
      });
  }

  /** Sees to it that an exited terminal is forgotten in the end, whoever started it: the host lives for its terminals. */
  private expire({ sessionId, status }: TerminalInfo, isCommand: boolean): void {
    if (status !== 'exited' || this.expiring.has(sessionId)) return;
    const timer = this.options.clock.after(keepExitedMs[isCommand ? 'command' : 'shell'], () => {
      this.expiring.delete(sessionId);
      this.forget(sessionId).catch((error: unknown) => {
        this.options.logger.debug('An exited terminal could not be forgotten', { sessionId, error });
      });
    });
    this.expiring.set(sessionId, timer);
  }

  private async tellChanges(): Promise<void> {
    const before = this.known;
    const terminals: TerminalInfo[] = [];
    for (const session of await this.sessions()) {
      const terminal = this.describe(session);
      this.expire(terminal, decodeMetadata(session.metadata)?.command !== undefined);
      terminals.push(terminal);
    }
    const listed = new Set(terminals.map(({ sessionId }) => sessionId));
    for (const [sessionId, timer] of this.expiring) {
      if (listed.has(sessionId)) continue;
      timer.dispose();
      this.expiring.delete(sessionId);
    }
    this.lost.seeAll(terminals);
    terminals.push(...this.lost.list());
    this.known = new Map(terminals.map((terminal) => [terminal.sessionId, terminal]));
    for (const sessionId of this.facts.keys()) if (!this.known.has(sessionId)) this.facts.delete(sessionId);
    if (!before) return;
    for (const terminal of terminals) {
      if (!isSame(before.get(terminal.sessionId), terminal))
        this.changed.fire({ sessionId: terminal.sessionId, terminal });
    }
    const now = this.known;
    for (const sessionId of before.keys()) {
      if (!now.has(sessionId)) this.changed.fire({ sessionId, terminal: null });
    }
  }
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

function isSame(before: TerminalInfo | undefined, now: TerminalInfo): boolean {
  const facts = (terminal: TerminalInfo): string => {
    const { status, name, hasShellIntegration, currentFolder, lastCommand, waitsForInput, isBackground } = terminal;
    return JSON.stringify([status, name, hasShellIntegration, currentFolder, lastCommand, waitsForInput, isBackground]);
  };
  return before !== undefined && facts(before) === facts(now);
}
