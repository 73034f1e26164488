import * as os from 'node:os';
import type { command } from '../../../protocol/command.ts';
import type { Handlers } from '../../base/handlers.ts';
import type { CommandOutputs } from './commandOutputs.ts';
import type { CommandRunner } from './commandRunner.ts';
import type { TerminalWorkspace } from '../ports.ts';

const defaultTimeoutMs = 600_000;

/** The group `command` of the contract. */
export function createCommandHandlers(
  runner: CommandRunner,
  outputs: CommandOutputs,
  workspace: TerminalWorkspace,
): Handlers<typeof command> {
  return {
    'terminal/run': async (params, { signal }) => {
      const { background, maxOutputChars, name, env = {} } = params;
      const result = await runner.runPlain({
        commandLine: params.command,
        cwd: params.cwd ?? workspace.folders[0] ?? os.homedir(),
        timeoutMs: params.timeoutMs ?? (background ? null : defaultTimeoutMs),
        ...{ env, background, maxOutputChars, name, signal },
      });
      const { exit, terminalId, output, omittedBytes, outputId, durationMs, timedOut, waitsForInput } = result;
      return {
        sessionId: terminalId,
        status: exit === null ? 'running' : 'exited',
        ...(exit && { exitCode: exit.exitCode }),
        ...(exit?.signal == null ? {} : { signal: exit.signal }),
        ...{ output, omittedBytes, timedOut, durationMs: durationMs ?? 0 },
        ...(outputId !== undefined && { outputId }),
        ...(waitsForInput && { waitsForInput }),
      };
    },
    'terminal/background': async ({ sessionId }) => {
      await runner.background(sessionId);
      return {};
    },
    'terminal/readOutput': (params, { signal }) => outputs.read(params, signal),
  };
}
