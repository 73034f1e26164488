import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { TerminalId, WaitsForInput } from '../../../protocol/terminal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/logger.ts';
import type { PtyExit } from '../../ptyProtocol/messages.ts';
import type { CommandOutputFiles } from './commandOutputFiles.ts';
import { CommandRecording } from './commandRecording.ts';
import { stopCommand } from './commandStop.ts';
import { InputWatch } from './inputWatch.ts';
import type { CommandExit } from './outputSource.ts';
import { plainText } from './plainText.ts';
import type { PtySubscription, PtySubscriptionEvent } from '../hostClient/ptyHostSubscription.ts';
import type { TerminalService } from '../terminalService.ts';
import { TypedInput } from './typedInput.ts';

/** Connections to the pty host that may break under one command before it is given up. */
const maxConnections = 5;
const windowBytes = 1_048_576;
const catchUpStepMs = 25;

/** Why somebody who waits for a command is answered. */
export type AnswerCause =
  | 'exited'
  /** Somebody wants it to go on in the background. */
  | 'background'
  /** It waits for input, and nobody types. */
  | 'unanswered'
  /** The server ends, the command does not. */
  | 'serverEnds';

/** A command as far as it has come. */
export interface CommandState {
  readonly exit: CommandExit | null;
  /** Plain text, the middle left out where it is long. */
  readonly output: string;
  readonly omittedBytes: number;
  /** Under which all of the output can be read back; undefined where `output` is all of it. */
  readonly outputId: TerminalId | undefined;
  /** So far, or in all; null where it ended while no server was there to see it. */
  readonly durationMs: number | null;
  readonly timedOut: boolean;
  readonly waitsForInput: WaitsForInput | undefined;
  /** What a person typed into it, line by line. */
  readonly typed: readonly string[];
}

export interface RunningCommandOptions {
  readonly terminals: TerminalService;
  readonly files: CommandOutputFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessionId: TerminalId;
  /** Null where it belongs to no conversation. */
  readonly conversationId: ConversationId | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly maxOutputChars: number;
  onWaitsForInput?(waits: WaitsForInput | undefined): void;
}

/** Follows one command to its end: keeps its output, notices when it waits for input, stops it when its time is over. */
export class RunningCommand implements Disposable {
  readonly sessionId: TerminalId;
  readonly conversationId: ConversationId | null;
  /** Resolves once it has ended and all its output is taken. Rejects with `Unavailable` where it was lost. */
  readonly ended: Promise<CommandExit>;
  readonly recording: CommandRecording;
  private readonly options: RunningCommandOptions;
  private readonly watch: InputWatch;
  private readonly typing = new TypedInput();
  private readonly answer = Promise.withResolvers<AnswerCause>();
  private timer: Disposable | undefined;
  private limitMs: number | null = null;
  private stopping: Promise<void> | undefined;
  /** Ends the reading that is under way. */
  private interrupt: () => void = () => undefined;
  private isDisposed = false;
  private timedOut = false;
  private exit: CommandExit | null = null;

  /** Begins to follow at the start, or where a server that is gone has stopped. */
  constructor(options: RunningCommandOptions, isTakenUp = false) {
    const { sessionId, conversationId, maxOutputChars, files, logger, clock } = options;
    this.options = options;
    this.sessionId = sessionId;
    this.conversationId = conversationId;
    this.recording = new CommandRecording({
      id: sessionId,
      conversationId,
      maxKeptBytes: maxOutputChars,
      files,
      logger,
    });
    this.watch = new InputWatch({
      clock,
      logger,
      onChanged: (waits) => this.tellWaiting(waits),
      onUnanswered: () => {
        this.recording.keepAll();
        this.answer.resolve('unanswered');
      },
    });
    this.ended = this.follow(isTakenUp);
    this.ended.then(
      () => this.answer.resolve('exited'),
      (error: unknown) => this.answer.reject(error),
    );
    // Whoever waits has the error; for a command in the background nobody does.
    this.answer.promise.catch((error: unknown) => {
      if (!this.isDisposed) logger.warn('A command was lost', { sessionId, error });
    });
  }

  /** Resolves as soon as there is something to tell whoever waits for it. Rejects where it was lost. */
  get answered(): Promise<AnswerCause> {
    return this.answer.promise;
  }

  get state(): CommandState {
    const { text, omittedBytes } = this.recording.kept();
    return {
      exit: this.exit,
      output: plainText(text),
      omittedBytes,
      outputId: this.recording.hasFile ? this.sessionId : undefined,
      durationMs: this.exit ? this.exit.durationMs : this.options.clock.now() - this.options.startedAt,
      timedOut: this.timedOut,
      waitsForInput: this.watch.waitsForInput,
      typed: this.typing.describe(),
    };
  }

  /** After which it is stopped, counted from its start; null for no limit. */
  get timeLimitMs(): number | null {
    return this.limitMs;
  }

  /** Stops it once it has run for this time, of which `spentMs` are over already; null takes the limit away. */
  limit(timeoutMs: number | null, spentMs = 0): void {
    this.timer?.dispose();
    this.timer = undefined;
    this.limitMs = timeoutMs;
    if (timeoutMs === null || this.exit) return;
    this.timer = this.options.clock.after(Math.max(0, timeoutMs - spentMs), () => {
      this.timedOut = true;
      this.stopSoon();
    });
  }

  /** Answers whoever waits for it now; it goes on, and all its output is kept for reading back. */
  goOn(cause: 'background' | 'serverEnds'): void {
    this.recording.keepAll();
    this.answer.resolve(cause);
  }

  /** A person typed into its terminal. */
  typed(data: string): void {
    this.typing.typed(data, this.watch.askedLast?.kind === 'password');
    this.watch.typed();
  }

  /** A person typed into it by way of another server. */
  typedElsewhere(characters: number): void {
    this.typing.typedElsewhere(characters);
    this.watch.typed();
  }

  /** Ends it; resolves once it has ended. Calling again waits for the same end. */
  stop(): Promise<void> {
    const { terminals, clock } = this.options;
    this.stopping ??= stopCommand(terminals, this.sessionId, clock).finally(() => (this.stopping = undefined));
    return this.stopping;
  }

  /** As `stop`, for a caller that cannot wait. */
  stopSoon(): void {
    this.stop().catch((error: unknown) => this.options.logger.warn('A command could not be stopped', { error }));
  }

  /** Resolves once the output up to `offset` has been taken, the command has ended, or the time is over. */
  async caughtUp(offset: number, limitMs: number): Promise<void> {
    const { clock } = this.options;
    const deadline = clock.now() + limitMs;
    while (this.recording.endOffset < offset && !this.exit && clock.now() < deadline) {
      await new Promise<void>((resolve) => clock.after(catchUpStepMs, resolve));
    }
  }

  /** Follows it no longer. It goes on, and another server may take it up. */
  dispose(): void {
    this.isDisposed = true;
    this.stopFollowing();
    this.interrupt();
  }

  private async follow(isTakenUp: boolean): Promise<CommandExit> {
    try {
      if (isTakenUp) await this.recording.resume();
      const { exitCode, signal, wasSeen } = await this.readToEnd();
      const durationMs = wasSeen || !isTakenUp ? Math.max(0, this.options.clock.now() - this.options.startedAt) : null;
      const exit = { exitCode, signal, durationMs };
      await this.recording.finish(exit);
      this.exit = exit;
      return exit;
    } catch (error) {
      await this.recording.close();
      throw error;
    } finally {
      this.stopFollowing();
    }
  }

  /** It may be disposed during any wait. */
  private isLetGo(): boolean {
    return this.isDisposed;
  }

  private stopFollowing(): void {
    this.timer?.dispose();
    this.watch.dispose();
  }

  /** Reads until the command has ended. A broken connection to the pty host says nothing of it: goes on where it stopped. */
  private async readToEnd(): Promise<PtyExit & { readonly wasSeen: boolean }> {
    const { terminals, sessionId } = this.options;
    for (let attempt = 0; attempt < maxConnections && !this.isLetGo(); attempt++) {
      const host = await terminals.host();
      const fromOffset = this.recording.endOffset;
      const subscription = await host.subscribe({ sessionId, fromOffset, windowBytes }).catch((error: unknown) => {
        // The connection may break before the answer has come as well as after it.
        if (host.isClosed) return undefined;
        throw lost(error);
      });
      if (!subscription) continue;
      const exit = await this.readOne(subscription);
      if (exit) return { ...exit, wasSeen: subscription.session.exit === null };
      // Somebody has closed the terminal, and with it the command.
      if (!host.isClosed && !this.isLetGo()) return { exitCode: null, signal: null, wasSeen: true };
    }
    throw lost(undefined);
  }

  /** Reads one subscription; undefined where it was over before the command was. */
  private readOne(subscription: PtySubscription): Promise<PtyExit | undefined> {
    return new Promise((resolve) => {
      const finish = (exit: PtyExit | undefined): void => {
        this.interrupt = () => undefined;
        subscription.dispose();
        resolve(exit);
      };
      this.interrupt = () => finish(undefined);
      if (this.isDisposed) return this.interrupt();
      subscription.listen((event) => {
        if (event.kind === 'output') this.take(event, subscription);
        else if (event.kind === 'exited') finish(event);
        else if (event.kind === 'ended') finish(undefined);
      });
    });
  }

  private take(output: Extract<PtySubscriptionEvent, { kind: 'output' }>, subscription: PtySubscription): void {
    const { offset } = output;
    // Parts of it are kept, some of them until the disk has them.
    const data = Buffer.from(output.data);
    this.watch.take(data);
    this.typing.printed(data);
    const written = this.recording.add(offset, data);
    const endOffset = offset + data.length;
    // The disk sets the pace, so that what is on its way to it is bounded by the window.
    if (written) void written.then(() => subscription.acknowledge(endOffset));
    else subscription.acknowledge(endOffset);
  }

  private tellWaiting(waits: WaitsForInput | undefined): void {
    this.options.terminals.setFacts(this.sessionId, { waitsForInput: waits });
    this.options.onWaitsForInput?.(waits);
  }
}

function lost(cause: unknown): CodedError {
  return new CodedError(
    'Unavailable',
    'The terminal of this command was lost before its end was seen, so its result is not known. It may still run: look before you run it again.',
    { cause },
  );
}
