import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtySignal } from '../ptyProtocol/messages.ts';
import {
  endWindowsTree,
  isRunning,
  listSessionProcesses,
  readForegroundGroup,
  sendSignal,
  type ProcessEntry,
} from './processTree.ts';
import type { Session } from './session.ts';

/** After SIGHUP the processes of a session have so long to end by themselves. */
const endGraceMs = 2_000;
/** After SIGKILL the system needs a moment; a process in an uninterruptible wait is not waited for. */
const killLimitMs = 2_000;
const pollMs = 25;
const isWindows = process.platform === 'win32';

/** Sends a signal to the foreground process group of a session's terminal; to the session leader's where none has it. */
export async function signalSession(session: Session, signal: PtySignal): Promise<void> {
  session.requireActive();
  if (isWindows) {
    await signalOnWindows(session, signal);
    return;
  }
  const group = (await readForegroundGroup(session.pid)) ?? session.pid;
  // The program may have ended while its group was looked up; then its number may be somebody else's.
  session.requireActive();
  if (!sendSignal(-group, signal)) {
    throw new PtyProtocolError('NotFound', `No process of terminal ${session.sessionId} is there to take ${signal}.`);
  }
}

/** Ends every process of an active session: SIGHUP, and for what is left after a grace SIGKILL. */
export async function endSession(session: Session): Promise<void> {
  if (session.exit) return;
  if (isWindows) {
    await endWindowsTree(session.pid);
    await waitUntil(() => session.exit !== null, killLimitMs);
    return;
  }
  const members = await listSessionProcesses(session.pid);
  for (const { pid } of members) {
    sendSignal(pid, 'SIGHUP');
    // A stopped process takes the signal only once it goes on.
    sendSignal(pid, 'SIGCONT');
  }
  const areGone = async () =>
    session.exit !== null && !(await Promise.all(members.map(({ pid }) => isRunning(pid)))).includes(true);
  if (await waitUntil(areGone, endGraceMs)) return;
  for (const { pid } of await stillThere(session.pid, members)) sendSignal(pid, 'SIGKILL');
  await waitUntil(() => session.exit !== null, killLimitMs);
}

/**
 * Whether an interactive shell has nothing to do: no process but its own is there, neither in the foreground nor in the
 * background. When in doubt it is busy.
 */
export async function isIdleShell(session: Session): Promise<boolean> {
  if (!session.isShell || isWindows) return false;
  if ((await readForegroundGroup(session.pid)) !== session.pid) return false;
  return (await listSessionProcesses(session.pid)).every(({ pid }) => pid === session.pid);
}

/** Those of `members` that live, and what they have started since; never a later process with a number used again. */
async function stillThere(leader: number, members: readonly ProcessEntry[]): Promise<ProcessEntry[]> {
  const known = new Map(members.map(({ pid, startedAt }) => [pid, startedAt]));
  const now = await listSessionProcesses(leader);
  if (process.platform === 'linux') return now;
  // Elsewhere the list is made of descendants, from which orphans are missing: each is looked at by its own number.
  const orphans = await Promise.all(members.map(async ({ pid }) => await listSessionProcesses(pid)));
  return [...now, ...orphans.flat()].filter(({ pid, startedAt }) => (known.get(pid) ?? startedAt) === startedAt);
}

async function signalOnWindows(session: Session, signal: PtySignal): Promise<void> {
  if (signal === 'SIGKILL') {
    await endWindowsTree(session.pid);
    return;
  }
  if (signal !== 'SIGINT') {
    throw new PtyProtocolError('Unsupported', `Windows has no ${signal}; use SIGINT (Ctrl+C) or SIGKILL.`);
  }
  session.write(Buffer.from([3]));
}

async function waitUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}
