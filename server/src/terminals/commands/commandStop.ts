import type { TerminalId } from '../../../protocol/terminal.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { TerminalService } from '../terminalService.ts';

/** Between SIGINT, SIGTERM and the end by force: time to clean up, short enough not to try a person's patience. */
const stopPauseMs = 1_500;
const lookEveryMs = 100;

/**
 * Ends a command: SIGINT, then SIGTERM, then SIGKILL to the process group in the foreground, with pauses between, and at
 * last whatever still holds the terminal. Resolves once it has ended, and at once if it has already.
 */
export async function stopCommand(terminals: TerminalService, sessionId: TerminalId, clock: Clock): Promise<void> {
  // Windows has no SIGTERM.
  const signals =
    process.platform === 'win32' ? (['SIGINT', 'SIGKILL'] as const) : (['SIGINT', 'SIGTERM', 'SIGKILL'] as const);
  for (const signal of signals) {
    if (!(await isActive(terminals, sessionId))) return;
    await ifStillThere(terminals.signal(sessionId, signal));
    if (await hasEndedWithin(terminals, sessionId, clock)) return;
  }
  // Something that left the foreground group still holds the terminal.
  await ifStillThere(terminals.close(sessionId));
}

async function hasEndedWithin(terminals: TerminalService, sessionId: TerminalId, clock: Clock): Promise<boolean> {
  const deadline = clock.now() + stopPauseMs;
  while (clock.now() < deadline) {
    await new Promise<void>((resolve) => clock.after(lookEveryMs, resolve));
    if (!(await isActive(terminals, sessionId))) return true;
  }
  return false;
}

async function isActive(terminals: TerminalService, sessionId: TerminalId): Promise<boolean> {
  return (await ifStillThere(terminals.get(sessionId)))?.status === 'active';
}

/** It may end between a look and a signal, and somebody may close the terminal meanwhile. */
async function ifStillThere<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof CodedError && (error.reason === 'NotFound' || error.reason === 'Conflict')) return undefined;
    throw error;
  }
}
