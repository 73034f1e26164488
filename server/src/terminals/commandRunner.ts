import * as fs from 'node:fs/promises';
import type { ConversationId } from '../../protocol/sessionEvents.ts';
import type { TerminalId, TerminalInfo } from '../../protocol/terminal.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { PtyExit } from '../ptyProtocol/messages.ts';
import type { Logger } from '../base/logger.ts';
import { createCommandShell, type CommandShell } from './commandShell.ts';
import { OutputBudget } from './outputBudget.ts';
import { plainText } from './plainText.ts';
import type { PtySubscription } from './ptyHostSubscription.ts';
import { checkCwd } from './shells.ts';
import type { TerminalService } from './terminalService.ts';

export interface CommandRequest {
  readonly conversationId: ConversationId;
  readonly toolCallId: string;
  readonly commandLine: string;
  readonly cwd: string;
  readonly timeoutMs: number;
  /** Characters of output to give back; more is cut out of the middle. */
  readonly maxOutputChars: number;
  /** Aborting it stops the command: SIGINT, then SIGTERM, then an end to the whole process group. */
  readonly signal: AbortSignal;
  /** The terminal that shows the command is there. */
  onStarted(terminalId: TerminalId): void;
}

export interface CommandResult {
  /** Null where a signal ended the command, or its end was not seen. */
  readonly exitCode: number | null;
  readonly signal?: number;
  readonly output: string;
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** Folder in which the command ended, for the next one. */
  readonly cwdAfter?: string;
}

/** Between SIGINT, SIGTERM and the end by force: time to clean up, short enough not to try a person's patience. */
const stopPauseMs = 1_500;
/** Connections to the pty host that may break under one command before it is given up. */
const maxConnections = 5;
const windowBytes = 1_048_576;
const maxShells = 64;
/** A pager would wait for a key that nobody presses; advertisements for updates cost tokens. */
const quietVariables = {
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  MANPAGER: 'cat',
  NO_UPDATE_NOTIFIER: '1',
  NPM_CONFIG_UPDATE_NOTIFIER: 'false',
};
const size = { cols: 120, rows: 30 };

/**
 * Runs an agent's commands, each as a pty process of its own, so that its exit is its end and no prompt is ever
 * guessed. The terminal is visible and open to typing while it runs.
 */
export class CommandRunner {
  private readonly terminals: TerminalService;
  private readonly folder: string;
  private readonly environment: Readonly<Record<string, string | undefined>>;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** Terminals whose command has ended; they stay a while for slow viewers. */
  private readonly ended = new Set<TerminalId>();
  /** One for each conversation, the least recently used first. */
  private readonly shells = new Map<ConversationId, Promise<CommandShell>>();

  constructor(options: {
    terminals: TerminalService;
    /** Folder for the state that is carried from command to command; private to us. */
    folder: string;
    environment: Readonly<Record<string, string | undefined>>;
    clock: Clock;
    logger: Logger;
  }) {
    this.terminals = options.terminals;
    this.folder = options.folder;
    this.environment = options.environment;
    this.clock = options.clock;
    this.logger = options.logger;
  }

  /** Rejects with `InvalidCwd`, `ResourceLimit` or `Unavailable` where the command could not be started or was lost. */
  async run(request: CommandRequest): Promise<CommandResult> {
    await checkCwd(request.cwd);
    const shell = await this.shellOf(request.conversationId);
    const startedAt = this.clock.now();
    const { sessionId } = await this.start(request, shell);
    const output = new OutputBudget(request.maxOutputChars);
    const limits = this.stopWhenOver(request, sessionId);
    try {
      request.onStarted(sessionId);
      const { exitCode, signal } = await this.readToEnd(sessionId, output);
      const cwdAfter = await shell.lastFolder();
      return {
        exitCode,
        ...(signal === null ? {} : { signal }),
        output: plainText(output.text()),
        truncated: output.isTruncated,
        durationMs: this.clock.now() - startedAt,
        timedOut: limits.timedOut(),
        ...(cwdAfter === undefined ? {} : { cwdAfter }),
      };
    } finally {
      limits.dispose();
      this.ended.add(sessionId);
    }
  }

  /** Forgets what has exited and what was carried over. Commands that still run go on in their terminals. */
  async dispose(): Promise<void> {
    const shells = [...this.shells.values()];
    this.shells.clear();
    await Promise.all([...this.ended].map((sessionId) => this.forget(sessionId)));
    await Promise.allSettled(shells.map(async (shell) => (await shell).dispose()));
    await fs.rm(this.folder, { recursive: true, force: true });
  }

  private start(request: CommandRequest, shell: CommandShell): Promise<TerminalInfo> {
    const { commandLine, conversationId, toolCallId } = request;
    return this.terminals.start({
      file: shell.file,
      args: shell.argsFor(commandLine),
      cwd: request.cwd,
      env: quietVariables,
      ...size,
      name: commandLine.split('\n', 1)[0]?.slice(0, 80) ?? 'command',
      owner: { kind: 'agent', conversationId, toolCallId, commandLine },
    });
  }

  /** Stops the command when it is cancelled or its time is over. */
  private stopWhenOver(request: CommandRequest, sessionId: TerminalId): Disposable & { timedOut(): boolean } {
    let timedOut = false;
    const stop = (): void => {
      this.stop(sessionId).catch((error: unknown) => this.logger.warn('A command could not be stopped', { error }));
    };
    const timer = this.clock.after(request.timeoutMs, () => {
      timedOut = true;
      stop();
    });
    request.signal.addEventListener('abort', stop);
    if (request.signal.aborted) stop();
    return {
      timedOut: () => timedOut,
      dispose: () => {
        timer.dispose();
        request.signal.removeEventListener('abort', stop);
      },
    };
  }

  /** Reads until the command has ended. A broken connection to the pty host says nothing of it: goes on where it stopped. */
  private async readToEnd(sessionId: TerminalId, output: OutputBudget): Promise<PtyExit> {
    let fromOffset = 0;
    for (let attempt = 0; attempt < maxConnections; attempt++) {
      const host = await this.terminals.host();
      const subscription = await host.subscribe({ sessionId, fromOffset, windowBytes }).catch((error: unknown) => {
        throw lost(error);
      });
      const exit = await readOne(subscription, (data, endOffset) => {
        output.add(data);
        fromOffset = endOffset;
      });
      if (exit) return exit;
      // Somebody has closed the terminal, and with it the command.
      if (!host.isClosed) return { exitCode: null, signal: null };
    }
    throw lost(undefined);
  }

  /** SIGINT, then SIGTERM, then the end of every process of the terminal, with pauses between. */
  private async stop(sessionId: TerminalId): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      if ((await this.terminals.get(sessionId)).status === 'exited') return;
      if (process.platform === 'win32' && signal === 'SIGTERM') break;
      await this.terminals.signal(sessionId, signal);
      await this.pause();
    }
    if ((await this.terminals.get(sessionId)).status === 'active') await this.terminals.signal(sessionId, 'SIGKILL');
    await this.pause();
    // Something that left the foreground group still holds the terminal.
    if ((await this.terminals.get(sessionId)).status === 'active') await this.terminals.close(sessionId);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(stopPauseMs, resolve));
  }

  /** Never rejects: a terminal that stays is listed, and is forgotten after a while. */
  private async forget(sessionId: TerminalId): Promise<void> {
    try {
      await this.terminals.forget(sessionId);
    } catch (error) {
      this.logger.debug('A command that has ended could not be forgotten', { sessionId, error });
    }
  }

  private shellOf(conversationId: ConversationId): Promise<CommandShell> {
    const known = this.shells.get(conversationId);
    const shell = known ?? createCommandShell(this.folder, this.environment);
    this.shells.delete(conversationId);
    this.shells.set(conversationId, shell);
    shell.catch(() => this.shells.delete(conversationId));
    const oldest = this.shells.keys().next();
    if (this.shells.size > maxShells && !oldest.done) {
      const evicted = this.shells.get(oldest.value);
      this.shells.delete(oldest.value);
      void evicted?.then((old) => old.dispose());
    }
    return shell;
  }
}

/** Reads one subscription; undefined where it was over before the command was. */
function readOne(
  subscription: PtySubscription,
  onOutput: (data: Uint8Array, endOffset: number) => void,
): Promise<PtyExit | undefined> {
  return new Promise((resolve) => {
    const finish = (exit: PtyExit | undefined): void => {
      subscription.dispose();
      resolve(exit);
    };
    subscription.listen((event) => {
      if (event.kind === 'output') {
        const endOffset = event.offset + event.data.length;
        onOutput(event.data, endOffset);
        subscription.acknowledge(endOffset);
      } else if (event.kind === 'exited') finish(event);
      else if (event.kind === 'ended') finish(undefined);
    });
  });
}

function lost(cause: unknown): CodedError {
  return new CodedError(
    'Unavailable',
    'The terminal of this command was lost before its end was seen, so its result is not known. It may still run: look before you run it again.',
    { cause },
  );
}
