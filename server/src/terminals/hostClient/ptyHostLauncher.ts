import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { CodedError } from '../../../protocol/errors.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import { loadOrCreateToken } from '../../ptyProtocol/authentication.ts';
import { hostPaths, readHostRecord, type HostRecord } from '../../ptyProtocol/hostRecord.ts';
import { PtyHostClient } from './ptyHostClient.ts';
import { unavailable } from './ptyHostErrors.ts';
import { removeOtherStaged, stagePtyHost, type PtyHostFiles, type StagedPtyHost } from './ptyHostStaging.ts';

export interface PtyHostLauncherOptions extends PtyHostFiles {
  /** Absolute path. Created where it is missing. */
  readonly dataFolder: string;
  /** After so many hours without any client, idle shells end. 0 to 168; undefined: as others wish. */
  readonly keepAliveHours: number | undefined;
  readonly log: Logger;
  /** A host with no terminal and no client ends after this time. Default 60,000. */
  readonly idleExitMs?: number;
  /** False: only a host that runs already will do. Default true. */
  readonly startsHost?: boolean;
}

/** From the first try to a usable client, starts of a host included. */
const connectLimitMs = 10_000;
const retryMs = { first: 15, last: 250 };
/** A host that ended at once is started again only after this time: it may just have lost against another one. */
const restartPauseMs = 500;

/** What a host needs of our environment. All else (keys, the editor's own variables) stays out of a process that lasts. */
const inheritedVariables = new Set(
  ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER', 'XDG_RUNTIME_DIR']
    .concat(['APPDATA', 'COMSPEC', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'NUMBER_OF_PROCESSORS', 'PATHEXT'])
    .concat(['PROGRAMDATA', 'SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE', 'WINDIR']),
);

/** Finds the data folder's pty host, starts it where there is none, and keeps one client of it. */
export class PtyHostLauncher implements Disposable {
  private readonly options: PtyHostLauncherOptions;
  private readonly disposal = new AbortController();
  private current: PtyHostClient | undefined;
  private pending: Promise<PtyHostClient> | undefined;
  private keepAliveHours: number | undefined;

  constructor(options: PtyHostLauncherOptions) {
    this.options = options;
    this.keepAliveHours = options.keepAliveHours;
  }

  /** Another wish than before, told to the host at once. */
  setKeepAlive(hours: number): void {
    if (hours === this.keepAliveHours) return;
    this.keepAliveHours = hours;
    if (this.current && !this.current.isClosed) this.tellKeepAlive(this.current, hours);
  }

  /**
   * The live client; connects first, and starts a host, where there is none. Callers at the same time share one attempt.
   * Rejects with `Unavailable` after 10 s, with `Cancelled` by `signal`, which ends this caller's wait only, and at once
   * with `NotFound` where no host runs and none is to be started.
   */
  async client(signal?: AbortSignal): Promise<PtyHostClient> {
    if (this.current && !this.current.isClosed) return this.current;
    this.pending ??= this.connect()
      .catch((error: unknown) => {
        if (!isAbsence(error)) this.options.log.error('The pty host could not be reached', { error });
        throw presentable(error);
      })
      .finally(() => (this.pending = undefined));
    return await raceWithSignal(this.pending, signal);
  }

  /** Disconnects. The host and its terminals live on. */
  dispose(): void {
    this.disposal.abort();
    this.current?.dispose();
  }

  private async connect(): Promise<PtyHostClient> {
    const { dataFolder, log, startsHost = true } = this.options;
    const paths = hostPaths(dataFolder);
    if (!startsHost && !mayRun(await readHostRecord(paths.recordFile))) throw absence();
    await fs.mkdir(paths.folder, { recursive: true, mode: 0o700 });
    const token = await loadOrCreateToken(paths.tokenFile);
    const starter = new HostStarter(this.options);
    const deadlineMs = performance.now() + connectLimitMs;
    let lastError: unknown;
    for (let waitMs = retryMs.first; performance.now() < deadlineMs; waitMs = Math.min(2 * waitMs, retryMs.last)) {
      if (this.disposal.signal.aborted) throw new CodedError('Cancelled', 'The server is ending.');
      try {
        const record = await readHostRecord(paths.recordFile);
        if (record) {
          const { keepAliveHours } = this;
          const client = await PtyHostClient.connect({ address: record.address, token, keepAliveHours }, log);
          // It may have changed meanwhile.
          if (this.keepAliveHours !== undefined && this.keepAliveHours !== keepAliveHours) {
            this.tellKeepAlive(client, this.keepAliveHours);
          }
          return await this.adopt(client, starter);
        }
      } catch (error) {
        lastError = error;
      }
      if (startsHost) await starter.startIfNeeded();
      else if (!mayRun(await readHostRecord(paths.recordFile))) throw absence();
      await delay(waitMs);
    }
    const why = starter.failure ?? (lastError instanceof Error ? lastError.message : 'it did not come up');
    throw unavailable(
      `No pty host could be reached within ${connectLimitMs / 1000} s: ${why}. See logs/pty-host.log in the data folder.`,
      lastError,
    );
  }

  private tellKeepAlive(client: PtyHostClient, hours: number): void {
    client.setKeepAlive(hours).catch((error: unknown) => {
      // The next connection tells it in its handshake.
      this.options.log.warn('The pty host was not told for how long to keep idle shells', { hours, error });
    });
  }

  private async adopt(client: PtyHostClient, starter: HostStarter): Promise<PtyHostClient> {
    if (this.disposal.signal.aborted) {
      client.dispose();
      throw new CodedError('Cancelled', 'The server is ending.');
    }
    this.current = client;
    this.options.log.info('Connected to the pty host', { pid: client.identity.pid });
    await starter.tidyUp(client.identity.pid);
    return client;
  }
}

/** Whether the host of `record` may be alive: a process of its number is there. */
function mayRun(record: HostRecord | undefined): boolean {
  if (!record) return false;
  try {
    process.kill(record.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function absence(): CodedError {
  return new CodedError('NotFound', 'There is no terminal: no pty host runs for this data folder.');
}

function isAbsence(error: unknown): boolean {
  return error instanceof CodedError && error.reason === 'NotFound';
}

/** Starts hosts for one attempt to connect. More than one is harmless: the lock lets only one of them serve. */
class HostStarter {
  /** How the last host that was started has failed. */
  failure: string | undefined;
  private readonly options: PtyHostLauncherOptions;
  private staged: StagedPtyHost | undefined;
  private running: { readonly pid: number } | undefined;
  private lastStartMs = -Infinity;

  constructor(options: PtyHostLauncherOptions) {
    this.options = options;
  }

  async startIfNeeded(): Promise<void> {
    if (this.running || performance.now() - this.lastStartMs < restartPauseMs) return;
    this.lastStartMs = performance.now();
    this.staged = await stagePtyHost(this.options.dataFolder, this.options);
    this.spawnHost(this.staged);
  }

  /** Where our own host has won, older copies are in nobody's use. */
  async tidyUp(servingPid: number): Promise<void> {
    if (!this.staged || this.running?.pid !== servingPid) return;
    try {
      await removeOtherStaged(this.options.dataFolder, this.staged.folder);
    } catch (error) {
      this.options.log.warn('An old copy of the pty host could not be removed', { error });
    }
  }

  private spawnHost({ mainFile, execHelper }: StagedPtyHost): void {
    const { dataFolder, idleExitMs, log } = this.options;
    const hostArgs = [mainFile, '--data-folder', dataFolder];
    if (idleExitMs !== undefined) hostArgs.push('--idle-exit-ms', String(idleExitMs));
    const [file, args] = execHelper
      ? [execHelper, ['--lock', hostPaths(dataFolder).lockFile, process.execPath, ...hostArgs]]
      : [process.execPath, hostArgs];
    const env = hostEnvironment();
    const child = spawn(file, args, { cwd: dataFolder, env, detached: true, stdio: 'ignore', windowsHide: true });
    child.once('error', (error) => {
      this.running = undefined;
      this.failure = `its process could not be started (${error.message})`;
    });
    child.once('exit', (code, signal) => {
      this.running = undefined;
      if (code !== 0) this.failure = `its process ended with ${signal ?? `exit code ${String(code)}`}`;
    });
    child.unref();
    if (child.pid !== undefined) this.running = { pid: child.pid };
    log.info('Started a pty host', { pid: child.pid });
  }
}

/** The environment of a host started from this process. Shells get none of it: each brings its own. */
export function hostEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => inheritedVariables.has(name.toUpperCase()) || name.startsWith('LC_'),
  );
  const runAsNode = process.versions['electron'] === undefined ? {} : { ELECTRON_RUN_AS_NODE: '1' };
  return { ...Object.fromEntries(kept), ...runAsNode };
}

/** What may cross the boundary of the server: a reason and a way out, but no path of this machine. */
function presentable(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return unavailable(message, error);
  return unavailable(
    `The data folder cannot be used for the pty host (${code}); check that it can be written and has room.`,
    error,
  );
}

function raceWithSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const cancelled = () => new CodedError('Cancelled', 'Connecting to the pty host was cancelled.');
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(cancelled());
    const onAbort = () => reject(cancelled());
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
