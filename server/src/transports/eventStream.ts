import type * as http from 'node:http';
import type { ErrorReason } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import type { ByteBudget, ByteHolder } from './byteBudget.ts';
import { begin } from './httpAnswer.ts';
import { WaitingBytes } from './waitingBytes.ts';

/** Proxies and clients give up on a stream that says nothing for a minute or so. */
const keepAliveMs = 15_000;
/** Who is sent away has this long to read the rest. */
const goodbyeMs = 1_000;

export interface StreamedEvent {
  /** As `eventText` gives it. */
  readonly text: string;
  /** Called when the system has taken the bytes. */
  readonly onTaken?: (() => void) | undefined;
}

/** What an event says. */
export interface EventParts {
  readonly event: string;
  readonly data: object;
  /** With which a client goes on that comes again. */
  readonly id?: number | undefined;
}

export interface EventStreamOptions {
  readonly bearer: ByteHolder;
  /** What waits for the clients of each token. */
  readonly waiting: ByteBudget;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An event that is counted as waiting, until `onTaken` is called. */
interface CountedEvent {
  readonly text: string;
  readonly onTaken: () => void;
}

/**
 * One answer of server-sent events. What is sent before it begins follows once it has. No more than 16 MiB may wait for its
 * client, and no more than the budget says for its token.
 */
export class EventStream implements Disposable {
  private readonly response: http.ServerResponse;
  private readonly options: EventStreamOptions;
  private readonly waiting: WaitingBytes;
  private held: CountedEvent[] | undefined = [];
  private keepAlive: Disposable | undefined;

  constructor(response: http.ServerResponse, options: EventStreamOptions) {
    this.response = response;
    this.options = options;
    this.waiting = new WaitingBytes(options.waiting, options.bearer);
  }

  /** Whether nothing more can be sent: its client or its token has gone. */
  get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  /** Answers 200 and sends `first`, then what is held. */
  begin(first: readonly StreamedEvent[]): void {
    begin(this.response, 200, 'text/event-stream; charset=utf-8');
    this.response.flushHeaders();
    const held = this.held ?? [];
    this.held = undefined;
    // Who looks on sees that it works, also where nothing happens for long.
    this.send({ text: ': the stream begins\n\n' });
    for (const event of first) this.send(event);
    for (const event of held) this.write(event);
    this.keepAlive = this.scheduleKeepAlive();
  }

  /** A client that does not read is cut off. */
  send({ text, onTaken = () => undefined }: StreamedEvent): void {
    if (this.isOver) return;
    const bytes = Buffer.byteLength(text);
    if (this.waiting.isTooMuchWith(bytes)) {
      const { size } = this.waiting;
      this.options.logger.warn('An event stream is cut off: its client does not read', { bytes: size });
      this.cutOff();
      return;
    }
    const discount = this.waiting.add(bytes);
    const event = {
      text,
      onTaken: () => {
        discount();
        onTaken();
      },
    };
    if (this.held) this.held.push(event);
    else this.write(event);
  }

  /** Ends it and says why; a client that does not read is cut off, and one to which nothing was answered yet. */
  end(reason: ErrorReason, message: string): void {
    const { response } = this;
    if (!response.headersSent) {
      response.destroy();
      return;
    }
    if (this.isOver) return;
    response.end(eventText({ event: 'closed', data: { error: reason, message } }));
    this.options.clock.after(goodbyeMs, () => response.destroy());
  }

  dispose(): void {
    this.keepAlive?.dispose();
    this.waiting.dispose();
  }

  private cutOff(): void {
    const { response } = this;
    response.destroy();
    // Behind an answer that takes long it has no connection of its own yet, and would be kept until then.
    response.req.socket.destroy();
    // At once: those that are written to in the same turn need not go as well.
    this.waiting.dispose();
  }

  private write({ text, onTaken }: CountedEvent): void {
    if (this.isOver) return;
    this.response.write(text, (error) => {
      if (!error) onTaken();
    });
  }

  private scheduleKeepAlive(): Disposable {
    return this.options.clock.after(keepAliveMs, () => {
      if (this.isOver) return;
      this.send({ text: ': still here\n\n' });
      this.keepAlive = this.scheduleKeepAlive();
    });
  }
}

/** An event as it is sent. JSON has no line ends of its own, so that the data is one line. */
export function eventText({ event, data, id }: EventParts): string {
  const identity = id === undefined ? '' : `id: ${id}\n`;
  return `${identity}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
