import { includesScope } from '../../protocol/declaration.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId, TerminalInfo, TerminalScreenData } from '../../protocol/terminal.ts';
import type { Clock } from '../base/clock.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { guestViewing } from './guestViewing.ts';
import type { LastScreens } from './screens/lastScreens.ts';
import type { TerminalSettings } from './ports.ts';
import type { PtyHostClient } from './hostClient/ptyHostClient.ts';
import type { PtySubscription, PtySubscriptionEvent } from './hostClient/ptyHostSubscription.ts';
import { maxCheckpointReplayBytes } from './screens/screenCheckpoint.ts';
import type { Screens } from './screens/screens.ts';
import type { TerminalService } from './terminalService.ts';
import { ViewerSeat } from './viewerSeat.ts';

/**
 * Bytes that a viewer may have unacknowledged: enough to keep a local viewer busy, and little enough that a key's echo in
 * another terminal of the same client does not wait behind them. All windows of a client share its channel, so that those
 * after the first few are smaller. See docs/decisions/0011-flow-control.md.
 */
const windowBytes = 262_144;
const furtherWindows = { after: 2, windowBytes: 65_536 } as const;

/** Finding the pty host again after its connection broke has this long; the launcher's own limit is 10 s. */
const resumeTimeoutMs = 15_000;
const catchUpTimeoutMs = 15_000;
/** A viewer that falls behind all the time gets no more than this many screens. */
const minScreenIntervalMs = 500;

/**
 * Pauses before each try to go on with a terminal that cannot be reached for now, after the first one. After the last the
 * client is told that it gets no more.
 */
const retryPausesMs = [1_000, 2_000, 5_000, 10_000, 30_000] as const;

/** One client's watching of one terminal. */
interface Viewer {
  readonly client: Client;
  readonly sessionId: TerminalId;
  readonly host: PtyHostClient;
  readonly subscription: PtySubscription;
  /** Where the next byte will stand, for going on after the connection to the host broke. */
  nextOffset: number;
  hasExited: boolean;
  /** Tries to go on that have failed one after the other. */
  failures: number;
  /** When it last got a whole screen. */
  readonly screenAtMs: number;
  /** Both taken over from the viewer before it, where there is one; the seat once it is known where it starts. */
  seat?: ViewerSeat;
  place?: Disposable;
}

/** What a client wants to watch. */
export interface Attaching {
  readonly sessionId: TerminalId;
  readonly fromOffset: number | undefined;
  /** Whether it answers what programs ask of their terminal, as long as no other viewer does. */
  readonly canAnswer: boolean;
}

/** Where a viewer starts, and what it shows first. */
interface Start {
  readonly viewer: Viewer;
  readonly screen: TerminalScreenData | undefined;
}

export interface TerminalViewersOptions {
  readonly terminals: TerminalService;
  readonly screens: Screens;
  readonly lastScreens: LastScreens;
  readonly settings: TerminalSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What `terminal/attach` answers. */
export interface Attachment {
  readonly terminal: TerminalInfo;
  readonly fromOffset: number;
  readonly screen?: TerminalScreenData;
}

/**
 * Who watches which terminal. Each viewer has a subscription of its own at the pty host and acknowledges for itself, so
 * that nothing is held here, and one slow viewer holds up no other: it falls behind, and goes on from a screen.
 */
export class TerminalViewers implements Disposable {
  private readonly options: TerminalViewersOptions;
  private readonly viewers = new Map<Client, Map<TerminalId, Viewer>>();
  private readonly guestPlaces = guestViewing();
  private readonly store = new DisposableStore();

  constructor(options: TerminalViewersOptions) {
    this.options = options;
  }

  /**
   * Starts to send output to `client`. The first bytes are sent after this has resolved. Rejects with `ResourceLimit` where a
   * guest, or all of them together, watch as many terminals as they may.
   */
  async attach(client: Client, attaching: Attaching, signal: AbortSignal): Promise<Attachment> {
    const lost = await this.options.terminals.findLost(attaching.sessionId);
    if (lost) return this.attachLost(lost, attaching.fromOffset, signal);
    const place = this.guestPlaces.take(client);
    try {
      return await this.attachLive(client, { ...attaching, place }, signal);
    } catch (error) {
      place.dispose();
      throw error;
    }
  }

  detach(client: Client, sessionId: TerminalId): void {
    const own = this.viewers.get(client);
    const viewer = own?.get(sessionId);
    if (viewer) release(viewer);
    own?.delete(sessionId);
  }

  /** Whether anybody but `client` who may type looks at a terminal, through any server. False where nobody can tell. */
  async isWatchedByOthers(client: Client, sessionId: TerminalId): Promise<boolean> {
    const host = await this.options.terminals.host();
    const ownSeats = this.viewers.get(client)?.get(sessionId)?.seat?.isCountedBy(host) ? 1 : 0;
    const session = (await host.list()).find((candidate) => candidate.sessionId === sessionId);
    return (session?.viewerCount ?? 0) > ownSeats;
  }

  /** Whether anybody watches a terminal that can still be watched, or it is lost, so that nothing else shows it. */
  isNeeded(sessionId: TerminalId): boolean {
    return (
      [...this.viewers.values()].some((own) => own.has(sessionId)) ||
      this.options.terminals.lost.get(sessionId) !== undefined
    );
  }

  acknowledge(client: Client, sessionId: TerminalId, offset: number): void {
    const viewer = this.viewers.get(client)?.get(sessionId);
    // What was sent before it attached again may be acknowledged only now, and the host knows nothing of it.
    viewer?.subscription.acknowledge(Math.min(offset, viewer.nextOffset));
  }

  dispose(): void {
    this.store.dispose();
    for (const own of this.viewers.values()) for (const viewer of own.values()) release(viewer);
    this.viewers.clear();
  }

  private async attachLive(
    client: Client,
    { sessionId, fromOffset, canAnswer, place }: Attaching & { readonly place: Disposable },
    signal: AbortSignal,
  ): Promise<Attachment> {
    const { viewer, screen } = await this.start(client, sessionId, fromOffset, signal);
    const seat = await this.seat(viewer, canAnswer, signal);
    if (signal.aborted || this.store.isDisposed) {
      viewer.subscription.dispose();
      if (seat !== this.seatOf(viewer)) seat.dispose();
      throw new CodedError('Cancelled', 'The terminal was not attached: the request was cancelled.');
    }
    this.replace(viewer, seat, place);
    this.begin(viewer, screen);
    const terminal = this.options.terminals.describe(viewer.subscription.session);
    return { terminal, fromOffset: viewer.nextOffset, ...(screen && { screen }) };
  }

  /** The seat that the client has already, or a new one. One whose client comes back to the terminal keeps its turn. */
  private async seat(viewer: Viewer, canAnswer: boolean, signal: AbortSignal): Promise<ViewerSeat> {
    const { host, sessionId, subscription, client } = viewer;
    const present = this.seatOf(viewer);
    if (present?.fits({ host, canAnswer })) return present;
    // A terminal is not kept for who may not type into it.
    const isCounted = includesScope(client.scope, 'terminal');
    try {
      return await ViewerSeat.take({ host, sessionId, canAnswer, isCounted }, signal);
    } catch (error) {
      subscription.dispose();
      throw error;
    }
  }

  /** The seat of the viewer that is there now, whose place `viewer` is to take. */
  private seatOf({ client, sessionId }: Viewer): ViewerSeat | undefined {
    return this.viewers.get(client)?.get(sessionId)?.seat;
  }

  private replace(viewer: Viewer, seat: ViewerSeat, place: Disposable | undefined): void {
    const former = this.of(viewer.client).get(viewer.sessionId);
    former?.subscription.dispose();
    if (former?.seat !== seat) former?.seat?.dispose();
    if (former?.place !== place) former?.place?.dispose();
    Object.assign(viewer, { seat, place });
  }

  /** All that is left of it: what it has shown last. */
  private async attachLost(
    terminal: TerminalInfo,
    fromOffset: number | undefined,
    signal: AbortSignal,
  ): Promise<Attachment> {
    const { lastScreens, settings } = this.options;
    const end = lastScreens.endOf(terminal.sessionId) ?? terminal.producedBytes;
    if (fromOffset !== undefined && fromOffset >= end) return { terminal, fromOffset };
    const scrollbackLines = settings.get('terminals.scrollbackLines');
    const how = { scrollbackLines, maxReplayBytes: maxCheckpointReplayBytes, want: 'replay' } as const;
    const last = await lastScreens.of(terminal, how, signal);
    const screen = last && { data: last.replay, cols: last.cols, rows: last.rows };
    return { terminal, fromOffset: end, ...(screen && { screen }) };
  }

  /** From `fromOffset` where that is still kept, else from a screen, else from the oldest byte kept. */
  private async start(
    client: Client,
    sessionId: TerminalId,
    fromOffset: number | undefined,
    signal: AbortSignal,
  ): Promise<Start> {
    if (fromOffset !== undefined) {
      const viewer = await this.subscribe(client, sessionId, fromOffset, signal);
      if (viewer.nextOffset <= fromOffset) return { viewer, screen: undefined };
      viewer.subscription.dispose();
    }
    try {
      return await this.startAtScreen(client, sessionId, signal);
    } catch (error) {
      if (signal.aborted || (error instanceof CodedError && error.reason === 'NotFound')) throw error;
      this.options.logger.warn('A terminal is shown without its screen', { sessionId, error });
      return { viewer: await this.subscribe(client, sessionId, undefined, signal), screen: undefined };
    }
  }

  private async startAtScreen(client: Client, sessionId: TerminalId, signal: AbortSignal): Promise<Start> {
    const { terminals, screens, settings, clock } = this.options;
    const host = await terminals.host();
    const scrollbackLines = settings.get('terminals.scrollbackLines');
    const how = { scrollbackLines, maxReplayBytes: maxCheckpointReplayBytes, want: 'replay', signal } as const;
    return screens.hold({ host, sessionId }, how, async ({ offset, replay, cols, rows }) => {
      const subscribing = { sessionId, windowBytes: this.windowFor(client, sessionId), fromOffset: offset };
      const subscription = await host.subscribe(subscribing, signal);
      // Where another viewer has driven the terminal on, a gap follows, and with it another screen.
      const viewer = { client, sessionId, host, subscription, nextOffset: offset, hasExited: false, failures: 0 };
      return { viewer: { ...viewer, screenAtMs: clock.now() }, screen: { data: replay, cols, rows } };
    });
  }

  private async subscribe(
    client: Client,
    sessionId: TerminalId,
    fromOffset: number | undefined,
    signal: AbortSignal,
  ): Promise<Viewer> {
    const host = await this.options.terminals.host();
    const where = fromOffset === undefined ? {} : { fromOffset };
    const subscribing = { sessionId, windowBytes: this.windowFor(client, sessionId), ...where };
    const subscription = await host.subscribe(subscribing, signal);
    const nextOffset = subscription.startOffset;
    return { client, sessionId, host, subscription, nextOffset, hasExited: false, failures: 0, screenAtMs: 0 };
  }

  /** By how many terminals the client watches already; one that it watches anew keeps its place. */
  private windowFor(client: Client, sessionId: TerminalId): number {
    const place = [...(this.viewers.get(client)?.keys() ?? []), sessionId].indexOf(sessionId);
    return place < furtherWindows.after ? windowBytes : furtherWindows.windowBytes;
  }

  private begin(viewer: Viewer, screen: TerminalScreenData | undefined): void {
    this.of(viewer.client).set(viewer.sessionId, viewer);
    this.options.lastScreens.begin(viewer.sessionId, { offset: viewer.nextOffset, screen });
    // The answer is written before the next turn of the event loop, so it goes out before the first output does.
    setImmediate(() => viewer.subscription.listen((event) => this.forward(viewer, event)));
  }

  private of(client: Client): Map<TerminalId, Viewer> {
    const known = this.viewers.get(client);
    if (known) return known;
    const own = new Map<TerminalId, Viewer>();
    this.viewers.set(client, own);
    const registration = this.store.add(
      client.onClosed(() => {
        this.viewers.delete(client);
        for (const viewer of own.values()) release(viewer);
        this.store.delete(registration);
      }),
    );
    return own;
  }

  private forward(viewer: Viewer, event: PtySubscriptionEvent): void {
    const { client, sessionId, subscription } = viewer;
    switch (event.kind) {
      case 'output':
        viewer.nextOffset = event.offset + event.data.length;
        this.options.lastScreens.append(sessionId, event.offset, event.data);
        client.notify('terminal/output', {
          sessionId,
          offset: event.offset,
          data: viewer.seat?.shown(event.data, event.offset) ?? event.data,
        });
        return;
      case 'gap':
        subscription.dispose();
        this.catchUp(viewer).catch((error: unknown) => this.failed(viewer, error));
        return;
      case 'exited': {
        viewer.hasExited = true;
        const signal = event.signal === null ? {} : { signal: event.signal };
        client.notify('terminal/exited', { sessionId, exitCode: event.exitCode, ...signal });
        return;
      }
      case 'ended':
        subscription.dispose();
        if (!this.isCurrent(viewer)) return;
        // Kept meanwhile, so that a client which detaches is noticed.
        if (viewer.host.isClosed && !viewer.hasExited && !this.store.isDisposed) {
          this.resume(viewer).catch((error: unknown) => this.failed(viewer, error));
        } else {
          this.viewers.get(client)?.delete(sessionId);
          release(viewer);
          if (!viewer.host.isClosed) this.options.lastScreens.forget(sessionId);
        }
    }
  }

  /** A viewer that the output has overtaken goes on from a screen in place of what it has missed. */
  private async catchUp(former: Viewer): Promise<void> {
    await this.pause(former.screenAtMs + minScreenIntervalMs - this.options.clock.now());
    if (this.isCurrent(former)) await this.goOn(former, undefined, AbortSignal.timeout(catchUpTimeoutMs));
  }

  /** The connection broke, which says nothing of the terminal: goes on where it stopped. */
  private resume(former: Viewer): Promise<void> {
    return this.goOn(former, former.nextOffset, AbortSignal.timeout(resumeTimeoutMs));
  }

  private async goOn(former: Viewer, fromOffset: number | undefined, signal: AbortSignal): Promise<void> {
    const { client, sessionId, nextOffset } = former;
    const { viewer, screen } = await this.start(client, sessionId, fromOffset, signal);
    const seat = await this.seat(viewer, former.seat?.canAnswer ?? false, signal);
    if (!this.isCurrent(former)) {
      viewer.subscription.dispose();
      if (seat !== this.seatOf(viewer)) seat.dispose();
      return;
    }
    this.replace(viewer, seat, former.place);
    const toOffset = viewer.nextOffset;
    if (toOffset > nextOffset)
      client.notify('terminal/gap', { sessionId, fromOffset: nextOffset, toOffset, ...(screen && { screen }) });
    this.begin(viewer, screen);
  }

  private async pause(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.store.add(
        this.options.clock.after(delayMs, () => {
          this.store.delete(timer);
          resolve();
        }),
      );
    });
  }

  /** A viewer could not go on. While its terminal is there it is tried again, and in the end its client is told. */
  private failed(viewer: Viewer, error: unknown): void {
    if (!this.isCurrent(viewer)) return;
    const { client, sessionId } = viewer;
    const pauseMs = retryPausesMs[viewer.failures++];
    // That it is lost is told to everybody.
    const isLost = this.options.terminals.lost.get(sessionId) !== undefined;
    const isGone = error instanceof CodedError && error.reason === 'NotFound';
    this.options.logger.warn('A terminal could not be watched again', { client: client.id, sessionId, pauseMs, error });
    if (!isLost && !isGone && pauseMs !== undefined) {
      this.pause(pauseMs)
        .then(() => (this.isCurrent(viewer) ? this.resume(viewer) : undefined))
        .catch((again: unknown) => this.failed(viewer, again));
      return;
    }
    this.viewers.get(client)?.delete(sessionId);
    release(viewer);
    if (isLost) return;
    if (isGone) client.notify('terminal/changed', { sessionId, terminal: null });
    else client.notify('terminal/detached', { sessionId });
  }

  private isCurrent(viewer: Viewer): boolean {
    return this.viewers.get(viewer.client)?.get(viewer.sessionId) === viewer && !this.store.isDisposed;
  }
}

function release({ subscription, seat, place }: Viewer): void {
  subscription.dispose();
  seat?.dispose();
  place?.dispose();
}
