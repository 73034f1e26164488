import { randomUUID } from 'node:crypto';
import type { ResultOf } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { SessionEvent, SessionUpdate } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { instructionsFor } from './instructions.ts';
import type { RefusedEnd } from './openTurn.ts';
import type { Models, SettingsSource, ToolBox, WorkspaceSource } from './ports.ts';
import type { ToolCallSite } from './toolCalls.ts';
import { TurnBudget } from './turnBudget.ts';
import { TurnLoop, turnResultOf, TurnStopped, type TurnEnding } from './turnLoop.ts';

export type TurnResult = ResultOf<'session/prompt'>;

/** The conversation that a turn belongs to. */
export interface TurnPlace extends Pick<ToolCallSite, 'conversationId' | 'state' | 'append' | 'permissions'> {
  /** Takes the end of the turn where it cannot be written. */
  readonly keepEnd: (end: RefusedEnd) => void;
  /** Makes sure that the journal can be written and has no turn open. Rejects where that is not to be had. */
  readonly prepare: () => Promise<void>;
  /** The folder in which the conversation works; asked for once the turn is prepared. */
  readonly cwd: () => string;
  readonly events: () => readonly SessionEvent[];
  readonly models: Models;
  readonly tools: ToolBox;
  readonly settings: SettingsSource;
  readonly workspace: WorkspaceSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One turn of a conversation: from the person's message to the record that says how it ended. */
export class Turn {
  /** Who asked for the turn; it may answer questions even where it does not watch the events. */
  readonly client: Client;
  /** Settles, without an error, once nothing of the turn is going on any more. */
  readonly done: Promise<unknown>;
  /** Resolves and rejects as the turn does. */
  readonly result: Promise<TurnResult>;
  private readonly place: TurnPlace;
  private readonly controller = new AbortController();
  private readonly turnId: string = randomUUID();
  private hasEnded = false;

  /** Begins at once. `opening` gives what stands first in the turn, and throws if there is nothing to begin with. */
  constructor(place: TurnPlace, client: Client, opening: () => readonly SessionUpdate[]) {
    this.place = place;
    this.client = client;
    this.result = this.run(opening);
    this.done = this.result.catch(() => undefined);
  }

  /** The end has been written, or nothing was begun: the next turn only waits for the last instructions of this one. */
  get isEnding(): boolean {
    return this.hasEnded;
  }

  stop(ending: TurnEnding): void {
    this.controller.abort(new TurnStopped(ending));
  }

  private async run(opening: () => readonly SessionUpdate[]): Promise<TurnResult> {
    const { place, turnId } = this;
    await place.prepare();
    const model = await place.models.ready(place.state().model);
    if (this.controller.signal.aborted) return { stopReason: 'cancelled' };
    await place.append([{ sessionUpdate: 'turn_started', turnId, model: model.id }, ...opening()]);
    const budget = this.createBudget();
    try {
      const loop = new TurnLoop({
        site: this.toolCallSite(budget),
        model,
        instructions: () => this.instructions(),
        events: place.events,
        logger: place.logger.child({ conversationId: place.conversationId, turnId }),
      });
      const outcome = await loop.run();
      await this.end(outcome.ending);
      return turnResultOf(outcome);
    } finally {
      budget.dispose();
    }
  }

  private async end({ stopReason, error }: TurnEnding): Promise<void> {
    const { place, turnId } = this;
    const cause = stopReason === 'cancelled' ? 'Cancelled by the person' : 'The turn ended early';
    const closing = place.state().closing(cause);
    this.hasEnded = true;
    const reason = error && { error: { reason: error.reason, message: error.message } };
    const turnEnded = { sessionUpdate: 'turn_ended' as const, turnId, stopReason, ...reason };
    try {
      await place.append([...closing, turnEnded]);
    } catch (refusal) {
      const shown = error ?? refusal;
      // Whoever has taken the conversation over ends the turn there.
      const isTakenOver = refusal instanceof CodedError && refusal.reason === 'Conflict';
      if (shown instanceof CodedError && !isTakenOver) {
        place.keepEnd({ turnEnded, cause, error: { reason: shown.reason, message: shown.message } });
      }
      throw refusal;
    }
  }

  private createBudget(): TurnBudget {
    const { settings, clock } = this.place;
    const limits = {
      maxSteps: settings.get('agent.maxStepsPerTurn'),
      maxDurationMs: settings.get('agent.maxMinutesPerTurn') * 60_000,
    };
    return new TurnBudget(limits, clock, (error) => this.stop({ stopReason: 'max_turn_requests', error }));
  }

  private toolCallSite(budget: TurnBudget): ToolCallSite {
    const { conversationId, cwd, state, append, permissions, tools, workspace, clock } = this.place;
    return {
      conversationId,
      cwd: cwd(),
      state,
      append,
      tools,
      permissions,
      budget,
      workspace: () => ({ folders: workspace.folders, trusted: workspace.state.trusted }),
      clock,
      signal: this.controller.signal,
    };
  }

  private instructions(): string {
    const { cwd, workspace, tools } = this.place;
    return instructionsFor({
      cwd: cwd(),
      workspaceFolders: workspace.folders,
      trusted: workspace.state.trusted,
      toolNames: tools.definitions.map(({ name }) => name),
    });
  }
}
