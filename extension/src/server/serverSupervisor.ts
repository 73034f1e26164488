import { CodedError } from '../../../server/protocol/errors.ts';
import { isCodedError } from '../codedError.ts';
import type { HandshakeAnswer } from '../../../server/protocol/server.ts';
import { contractVersion, isCompatible } from '../../../server/protocol/version.ts';
import { delay, type Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import { describeError, type Log } from '../log.ts';
import { backoffMs, CrashWindow } from './backoff.ts';
import { HealthMonitor, type HealthReport } from './healthMonitor.ts';
import type { LaunchServer, RunningServer, ServerExit } from './runningServer.ts';
import { isUsable, type ServerFailure, type ServerStatus } from './serverStatus.ts';

export const supervisionLimits = {
  /** For one handshake; the library itself waits for ever. */
  handshakeMs: 10_000,
  /** Handshakes in a row before the supervision gives up. */
  handshakeAttempts: 3,
  /** For a server to end when it is asked to; then it is killed. */
  shutDownMs: 2_000,
  /** For a killed process to be gone, before the next is started all the same. */
  killMs: 2_000,
} as const;

export interface SupervisorOptions {
  readonly launch: LaunchServer;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, for the jitter of the waits. */
  readonly random: () => number;
}

type Ending = { readonly cause: 'exited'; readonly exit: ServerExit } | { readonly cause: 'unresponsive' };

/**
 * Keeps one server running: handshake with a limit, questions for its health, restart with growing waits, and an end to
 * that when it helps nothing. It knows neither VS Code nor the language client.
 */
export class ServerSupervisor implements Disposable {
  private readonly options: SupervisorOptions;
  private readonly changed: Emitter<ServerStatus>;
  private readonly crashes = new CrashWindow();
  private status_: ServerStatus = {
    // Not "stopped": a request that comes before the start waits for it.
    state: 'starting',
    generation: 0,
    restarts: 0,
    version: undefined,
    pid: undefined,
    readyAt: undefined,
    health: undefined,
    failure: undefined,
  };
  private server: RunningServer | undefined;
  private monitor: HealthMonitor | undefined;
  private waitingRequests = 0;
  private launches = 0;
  /** Ends that nobody asked for since the last start that somebody did ask for. */
  private uncleanEnds = 0;
  /** Counts calls of `restart` and `stop`: of those that overlap the last one says what is to be. */
  private wishes = 0;
  private launchedAt = 0;
  private run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  private isEnding = false;
  private disposed = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.changed = new Emitter((error) => options.log.error(`A listener failed: ${describeError(error)}`));
  }

  get status(): ServerStatus {
    return this.status_;
  }

  /** The server to which a request can be sent now, if there is one. */
  get usableServer(): RunningServer | undefined {
    // The state follows the end of a process a moment later, in which nothing must be sent to it.
    return isUsable(this.status_.state) && this.server?.hasEnded === false ? this.server : undefined;
  }

  /** Number of listeners now registered. */
  get listenerCount(): number {
    return this.changed.size;
  }

  onChanged(listener: (status: ServerStatus) => void): Disposable {
    return this.changed.on(listener);
  }

  /** Starts the server unless it is running or starting already. Returns at once. */
  start(): void {
    if (this.run || this.disposed) return;
    this.crashes.clear();
    this.uncleanEnds = 0;
    const abort = new AbortController();
    const done = this.supervise(abort.signal)
      .catch((error: unknown) => this.giveUp({ kind: 'crashedTooOften', detail: describeError(error) }))
      .finally(() => {
        if (this.run?.abort === abort) this.run = undefined;
      });
    this.run = { abort, done };
  }

  /** Ends the server, forgets earlier crashes, and starts anew. */
  async restart(): Promise<void> {
    const wish = (this.wishes += 1);
    await this.end('restarting');
    if (wish === this.wishes) this.start();
  }

  /** Ends the server, within 2 seconds if need be by force. */
  async stop(): Promise<void> {
    this.wishes += 1;
    await this.end('stopped');
  }

  /** Ends the supervision, and the server at once unless `stop` is ending it already. */
  dispose(): void {
    this.disposed = true;
    this.run?.abort.abort();
    this.monitor?.dispose();
    if (!this.isEnding) this.server?.kill();
    this.changed.dispose();
  }

  /**
   * Resolves with a server that can be asked, waiting for a start or a restart for at most `waitMs`. Rejects with
   * `Unavailable` when that time is over or the supervision has given up.
   */
  whenUsable(waitMs: number): Promise<RunningServer> {
    const { promise, resolve, reject } = Promise.withResolvers<RunningServer>();
    const check = (): void => {
      const server = this.usableServer;
      if (server) resolve(server);
      else if (this.status_.state === 'stopped') reject(notRunning('The server is not running.', 'stopped'));
      else return;
      listener.dispose();
      timer.dispose();
    };
    const listener = this.changed.on(check);
    const timer = this.options.clock.after(waitMs, () => {
      listener.dispose();
      reject(notRunning('The server is still starting. Try again in a moment.', 'starting'));
    });
    check();
    return promise;
  }

  /** While the returned object is held a request waits, and the server's health is asked for more often. */
  requestBegan(): Disposable {
    this.waitingRequests += 1;
    if (this.waitingRequests === 1) this.monitor?.requestBegan();
    return toDisposable(() => (this.waitingRequests -= 1));
  }

  /** The server has told its health without being asked. */
  healthChanged(state: HealthReport['status']): void {
    if (this.usableServer) this.update({ state });
  }

  private async end(meanwhile: 'stopped' | 'restarting'): Promise<void> {
    const { run, server } = this;
    run?.abort.abort();
    this.monitor?.dispose();
    this.isEnding = true;
    this.update({ state: meanwhile, failure: undefined });
    try {
      if (server) await this.endServer(server);
      await run?.done;
    } finally {
      this.isEnding = false;
    }
    // What was started meanwhile is not what was ended here.
    if (this.server === server) this.forgetServer();
  }

  private async supervise(signal: AbortSignal): Promise<void> {
    let failedHandshakes = 0;
    this.update({ state: this.launches === 0 ? 'starting' : 'restarting', failure: undefined });
    while (!signal.aborted) {
      const server = this.launch();
      const problem = await this.handshake(server, signal);
      failedHandshakes = problem ? failedHandshakes + 1 : 0;
      if (problem && isAborted(signal)) return;
      const endedHow = problem ? await this.abandon(server, problem) : await this.watch(server, signal);
      if (isAborted(signal)) return;
      this.forgetServer();
      this.uncleanEnds += 1;
      const crashes = this.crashes.add(this.options.clock.now());
      const reason = problem?.kind === 'incompatible' ? problem.kind : tooMany(crashes, failedHandshakes);
      if (reason) {
        this.giveUp({ kind: reason, detail: endedHow });
        return;
      }
      this.update({ state: 'restarting' });
      await this.waitBeforeRestart(problem ? failedHandshakes : crashes - 1, signal);
    }
  }

  private launch(): RunningServer {
    this.launchedAt = this.options.clock.now();
    const server = this.options.launch(this.uncleanEnds);
    this.launches += 1;
    this.server = server;
    this.update({ pid: server.pid, restarts: this.launches - 1, health: undefined });
    return server;
  }

  /** Resolves with what went wrong, or with nothing. */
  private async handshake(server: RunningServer, signal: AbortSignal): Promise<ServerFailure | undefined> {
    const limit = new AbortController();
    const stop = AbortSignal.any([signal, limit.signal]);
    try {
      const answer = await Promise.race([
        server.handshake.catch((error: unknown) => explainBroken(server, error)),
        server.exited.then((exit) => Promise.reject(new Error(describeExit(exit)))),
        delay(this.options.clock, supervisionLimits.handshakeMs, stop).then(() =>
          Promise.reject(new Error(`it did not answer within ${supervisionLimits.handshakeMs / 1000} s`)),
        ),
      ]);
      if (!isCompatible(contractVersion, answer.contractVersion)) return incompatible(answer);
      if (!isAborted(signal)) this.becomeReady(answer);
      return undefined;
    } catch (error) {
      const kind = isCodedError(error) && error.reason === 'Unsupported' ? 'incompatible' : 'handshakeFailed';
      return { kind, detail: describeError(error) };
    } finally {
      limit.abort();
    }
  }

  private becomeReady(answer: HandshakeAnswer): void {
    const readyAt = this.options.clock.now();
    const ms = readyAt - this.launchedAt;
    this.options.log.info(
      `The server is ready after ${ms} ms: version ${answer.version}, instance ${answer.instanceId}.`,
    );
    this.update({
      state: this.uncleanEnds > 0 ? 'recovered' : 'ready',
      generation: this.status_.generation + 1,
      version: answer.version,
      readyAt,
    });
  }

  private async abandon(server: RunningServer, problem: ServerFailure): Promise<string> {
    this.options.log.error(`The server could not be started: ${problem.detail}.`);
    await this.killAndWait(server);
    return problem.detail;
  }

  /** Watches a server until it has ended, and says how. */
  private async watch(server: RunningServer, signal: AbortSignal): Promise<string> {
    const unresponsive = Promise.withResolvers<Ending>();
    this.monitor = new HealthMonitor({
      clock: this.options.clock,
      log: this.options.log,
      ask: () => server.request('server/health', {}) as Promise<HealthReport>,
      lastMessageAt: () => server.lastMessageAt,
      isRequestWaiting: () => this.waitingRequests > 0,
      onReport: (report) => this.update({ state: report.status, health: report }),
      onUnresponsive: () => unresponsive.resolve({ cause: 'unresponsive' }),
    });
    const exited = server.exited.then((exit): Ending => ({ cause: 'exited', exit }));
    const ending = await Promise.race([exited, unresponsive.promise]);
    this.monitor.dispose();
    this.monitor = undefined;
    if (isAborted(signal)) return 'it was stopped';
    if (ending.cause === 'exited') {
      const how = describeExit(ending.exit);
      this.options.log.error(`The server has ended unexpectedly: ${how}.`);
      return how;
    }
    this.options.log.error('The server does not respond and is killed.');
    this.update({ state: 'restarting' });
    await this.killAndWait(server);
    return 'it did not respond';
  }

  /** The first crash is mended at once, later ones after growing waits. */
  private async waitBeforeRestart(earlierFailures: number, signal: AbortSignal): Promise<void> {
    if (earlierFailures === 0) return;
    const waitMs = backoffMs(earlierFailures, this.options.random);
    this.options.log.info(`The server is started again in ${waitMs} ms.`);
    await delay(this.options.clock, waitMs, signal);
  }

  private async endServer(server: RunningServer): Promise<void> {
    const settled = new AbortController();
    const limit = delay(this.options.clock, supervisionLimits.shutDownMs, settled.signal);
    await Promise.race([server.shutDown(supervisionLimits.shutDownMs).then(() => server.exited), limit]);
    settled.abort();
    await this.killAndWait(server);
  }

  private async killAndWait(server: RunningServer): Promise<void> {
    server.kill();
    const settled = new AbortController();
    await Promise.race([server.exited, delay(this.options.clock, supervisionLimits.killMs, settled.signal)]);
    settled.abort();
  }

  private forgetServer(): void {
    this.server = undefined;
    this.update({ pid: undefined, readyAt: undefined, health: undefined });
  }

  private giveUp(failure: ServerFailure): void {
    this.forgetServer();
    this.options.log.error(`The server stays down (${failure.kind}): ${failure.detail}.`);
    this.update({ state: 'stopped', failure });
  }

  private update(change: Partial<ServerStatus>): void {
    if (this.disposed) return;
    this.status_ = { ...this.status_, ...change };
    this.changed.fire(this.status_);
  }
}

function notRunning(message: string, serverState: 'starting' | 'stopped'): CodedError {
  return new CodedError('Unavailable', message, { args: { serverState } });
}

/** Which bound the failures so far have reached, if any. */
function tooMany(crashes: number, failedHandshakes: number): ServerFailure['kind'] | undefined {
  if (failedHandshakes >= supervisionLimits.handshakeAttempts) return 'handshakeFailed';
  return crashes >= CrashWindow.limit ? 'crashedTooOften' : undefined;
}

/** A function, since a property that was read before an `await` would count as known. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** A connection that broke because the process ended says less than the process itself does. */
async function explainBroken(server: RunningServer, error: unknown): Promise<never> {
  throw server.hasEnded ? new Error(describeExit(await server.exited)) : error;
}

function incompatible(answer: HandshakeAnswer): ServerFailure {
  const { major, minor } = answer.contractVersion;
  const ours = `${contractVersion.major}.${contractVersion.minor}`;
  return { kind: 'incompatible', detail: `it speaks contract ${major}.${minor}, this extension ${ours}` };
}

function describeExit(exit: ServerExit): string {
  if (exit.error) return `it could not be started (${exit.error.message})`;
  if (exit.lastWords !== undefined) return exit.lastWords.replace(/\.$/, '');
  return exit.signal === null ? `it ended with code ${exit.code ?? 'unknown'}` : `it was ended by ${exit.signal}`;
}
