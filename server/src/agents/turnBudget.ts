import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';

const maxMistakesInARow = 5;
const maxIdenticalCalls = 3;

export interface TurnLimits {
  readonly maxSteps: number;
  readonly maxDurationMs: number;
}

/**
 * What one turn may use up: model calls, time (waiting for the person not counted), mistakes in a row, and repetitions
 * of the same tool call. `onTimeOver` is called at most once.
 */
export class TurnBudget implements Disposable {
  private readonly limits: TurnLimits;
  private readonly clock: Clock;
  private readonly onTimeOver: (error: CodedError) => void;
  private timer: Disposable | undefined;
  private timerStartedAt = 0;
  private leftMs: number;
  private pauses = 0;
  private steps = 0;
  private mistakes = 0;
  private lastCall = '';
  private identicalCalls = 0;

  constructor(limits: TurnLimits, clock: Clock, onTimeOver: (error: CodedError) => void) {
    this.limits = limits;
    this.clock = clock;
    this.onTimeOver = onTimeOver;
    this.leftMs = limits.maxDurationMs;
    this.startTimer();
  }

  /** Counts a model call; an error if there is none left. */
  takeStep(): CodedError | undefined {
    if (this.steps >= this.limits.maxSteps) {
      return new CodedError(
        'ResourceLimit',
        `The turn has made ${this.steps} model calls, as many as "agent.maxStepsPerTurn" allows. Choose Continue to go on.`,
      );
    }
    this.steps++;
    return undefined;
  }

  /** Counts whether a tool call could be understood; an error after too many in a row that could not. */
  countCall(isMistake: boolean): CodedError | undefined {
    this.mistakes = isMistake ? this.mistakes + 1 : 0;
    if (this.mistakes < maxMistakesInARow) return undefined;
    return new CodedError(
      'ResourceLimit',
      `The model made ${this.mistakes} tool calls in a row that could not be used. ` +
        'Say in other words what you want, or choose another model.',
    );
  }

  /** An error if this call would be the third in a row with the same tool and input. */
  checkRepetition(toolName: string, input: unknown): CodedError | undefined {
    const call = JSON.stringify([toolName, sortKeys(input)]);
    this.identicalCalls = call === this.lastCall ? this.identicalCalls + 1 : 1;
    this.lastCall = call;
    if (this.identicalCalls < maxIdenticalCalls) return undefined;
    return new CodedError(
      'ResourceLimit',
      `The model asked for ${toolName} with the same input ${this.identicalCalls} times in a row and was stopped. ` +
        'Say what it should do differently, or choose Continue.',
    );
  }

  /** Stops the clock while `wait` is under way. */
  async withoutTime<T>(wait: () => Promise<T>): Promise<T> {
    if (this.pauses++ === 0) this.stopTimer();
    try {
      return await wait();
    } finally {
      if (--this.pauses === 0) this.startTimer();
    }
  }

  dispose(): void {
    this.stopTimer();
    this.leftMs = 0;
  }

  private startTimer(): void {
    if (this.leftMs <= 0) return;
    this.timerStartedAt = this.clock.now();
    // A timer holds 2^31 − 1 ms at most; a longer budget needs none, since a request ends before.
    const delayMs = Math.min(this.leftMs, 2_147_483_647);
    this.timer = this.clock.after(delayMs, () => {
      this.leftMs = 0;
      const minutes = Math.round(this.limits.maxDurationMs / 6_000) / 10;
      this.onTimeOver(
        new CodedError(
          'ResourceLimit',
          `The turn has lasted ${minutes} minutes, as long as "agent.maxMinutesPerTurn" allows. Choose Continue to go on.`,
        ),
      );
    });
  }

  private stopTimer(): void {
    if (!this.timer) return;
    this.timer.dispose();
    this.timer = undefined;
    this.leftMs -= this.clock.now() - this.timerStartedAt;
  }
}

/** The same value with the keys of each object in order, so that equal inputs have equal JSON. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
