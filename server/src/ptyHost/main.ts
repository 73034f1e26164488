import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { monotonicClock, systemClock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { loadOrCreateToken, readToken } from '../ptyProtocol/authentication.ts';
import { hostPaths } from '../ptyProtocol/hostRecord.ts';
import { chooseAddress, ensurePrivateFolder } from './hostAddress.ts';
import { HostLifetime } from './hostLifetime.ts';
import { holdHostLock, lockedExitCode } from './hostLock.ts';
import { HostServer } from './hostServer.ts';
import { createLogFile } from './logFile.ts';
import type { PtyLaunch, PtyListener, PtyProcess } from './ptyProcess.ts';
import { endSession, isIdleShell } from './sessionSignals.ts';
import { SessionTable } from './sessionTable.ts';
import { UnixPty } from './unixPty.ts';
import { WindowsPty } from './windowsPty.ts';

/** After a signal the shells have so long to end before the host does without having seen it. */
const shutdownLimitMs = 6_000;

/** The process: one host for one data folder. It is started by `PtyHostLauncher` from a staged copy of its files. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { 'data-folder': { type: 'string' }, 'idle-exit-ms': { type: 'string', default: '60000' } },
  });
  const dataFolder = values['data-folder'];
  if (dataFolder === undefined) throw new Error('Usage: ptyHost.js --data-folder FOLDER [--idle-exit-ms N]');
  const paths = hostPaths(dataFolder);
  const log = createLogger(createLogFile(paths.logFile), 'info');
  surviveErrors(log);
  try {
    await ensurePrivateFolder(paths.folder);
    if (!holdHostLock(paths.lockFile)) {
      exit(lockedExitCode);
      return;
    }
    await serve({ dataFolder, paths, log, idleExitMs: Number(values['idle-exit-ms']) });
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    if (!isTaken) log.error('The pty host could not start', { error });
    exit(isTaken ? lockedExitCode : 1);
  }
}

interface ServeOptions {
  readonly dataFolder: string;
  readonly paths: ReturnType<typeof hostPaths>;
  readonly log: Logger;
  readonly idleExitMs: number;
}

async function serve({ dataFolder, paths, log, idleExitMs }: ServeOptions): Promise<void> {
  const clock = systemClock;
  const sessions = new SessionTable({ startPty: createPtyStarter(path.dirname(process.argv[1] ?? '')), clock, log });
  const welcome = { instanceId: randomBytes(16).toString('hex'), pid: process.pid, startedAtMs: clock.now() };
  await loadOrCreateToken(paths.tokenFile);
  const address = await chooseAddress(dataFolder, paths.folder);
  const server = new HostServer({
    address,
    recordFile: paths.recordFile,
    readToken: () => readToken(paths.tokenFile),
    welcome,
    sessions,
    clock,
    log,
  });
  await server.start();
  log.info('The pty host listens', { address, instanceId: welcome.instanceId });

  const end = once((reason: string) => {
    log.info('The pty host ends', { reason, sessions: sessions.size });
    setTimeout(() => exit(1), shutdownLimitMs);
    lifetime.dispose();
    Promise.allSettled(sessions.all.map(endSession))
      .then(() => server.close())
      .then(() => exit(0))
      .catch((error: unknown) => {
        log.error('The pty host did not end tidily', { error });
        exit(1);
      });
  });
  const lifetime = new HostLifetime({
    view: () => ({
      clients: server.openClients,
      sessionCount: sessions.size,
      keepAliveHours: server.keepAliveHours,
      sessions: sessions.all.map((session) => ({
        hasExited: session.exit !== null,
        isIdle: () => isIdleShell(session),
        end: () => {
          session.endedIdle = true;
          return endSession(session);
        },
      })),
    }),
    idleExitMs,
    clock: monotonicClock,
    log,
    onEnd: end,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(`it received ${signal}`));
}

/** Where the terminals of this platform come from; the helpers stand in the folder the host was staged in. */
function createPtyStarter(stagedFolder: string): (launch: PtyLaunch, listener: PtyListener) => PtyProcess {
  if (process.platform === 'win32') return (launch, listener) => new WindowsPty(launch, listener);
  const nodePty = path.join(stagedFolder, 'node_modules', 'node-pty');
  const helpers = [path.join('build', 'Release'), path.join('prebuilds', `${process.platform}-${process.arch}`)]
    .map((folder) => path.join(nodePty, folder, 'spawn-helper'))
    .filter((file) => fs.existsSync(file));
  const options = {
    execHelper: process.platform === 'linux' ? path.join(stagedFolder, 'ptyExec') : undefined,
    spawnHelper: helpers[0] ?? '',
  };
  return (launch, listener) => new UnixPty(launch, listener, options);
}

/** An error nobody foresaw ends a request or a client, but never every terminal of the user. */
function surviveErrors(log: Logger): void {
  process.on('uncaughtException', (error) => log.error('An error was not caught', { error }));
  process.on('unhandledRejection', (error) => log.error('A rejection was not handled', { error }));
  // Sent when the terminal that started the first server goes away. It does not concern a host that serves many.
  process.on('SIGHUP', () => undefined);
}

function once(run: (reason: string) => void): (reason: string) => void {
  let done = false;
  return (reason) => {
    if (done) return;
    done = true;
    run(reason);
  };
}

function exit(code: number): void {
  // A detached process of its own: there is nobody else to say the exit code to.
  process.exit(code);
}

main().catch((error: unknown) => {
  // Before the log is open, or for a wrong command line. Only a person at a terminal reads it.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  exit(1);
});
