import type * as http from 'node:http';
import type { ErrorReason } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { begin } from './httpAnswer.ts';

/** Proxies and clients give up on a stream that says nothing for a minute or so. */
const keepAliveMs = 15_000;
/** Who reads so slowly that more waits for it is cut off; it resumes from the last id it has seen. */
const maxBufferedBytes = 16 * 1024 * 1024;
/** Who is sent away has this long to read the rest. */
const goodbyeMs = 1_000;

export interface StreamedEvent {
  readonly event: string;
  readonly data: object;
  /** With which a client goes on that comes again. */
  readonly id?: number | undefined;
  /** Called when the system has taken the bytes. */
  readonly onTaken?: () => void;
}

/** One answer of server-sent events. What is sent before it begins follows once it has. */
export class EventStream implements Disposable {
  private readonly response: http.ServerResponse;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private held: StreamedEvent[] | undefined = [];
  private keepAlive: Disposable | undefined;

  constructor(response: http.ServerResponse, clock: Clock, logger: Logger) {
    this.response = response;
    this.clock = clock;
    this.logger = logger;
  }

  /** Whether nothing more can be sent: its client or its token has gone. */
  get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  /** Answers 200 and sends `first`, then what is held. */
  begin(first: readonly StreamedEvent[]): void {
    begin(this.response, 200, 'text/event-stream; charset=utf-8');
    this.response.flushHeaders();
    // Who looks on sees that it works, also where nothing happens for long.
    this.write(': the stream begins\n\n');
    const held = this.held ?? [];
    this.held = undefined;
    for (const event of [...first, ...held]) this.send(event);
    this.keepAlive = this.scheduleKeepAlive();
  }

  send(event: StreamedEvent): void {
    if (this.isOver) return;
    if (this.held) this.held.push(event);
    else this.write(textOf(event), event.onTaken);
  }

  /** Ends it and says why; a client that does not read is cut off, and one to which nothing was answered yet. */
  end(reason: ErrorReason, message: string): void {
    const { response } = this;
    if (!response.headersSent) {
      response.destroy();
      return;
    }
    if (!this.isOver) response.end(textOf({ event: 'closed', data: { error: reason, message } }));
    this.clock.after(goodbyeMs, () => response.destroy());
  }

  dispose(): void {
    this.keepAlive?.dispose();
  }

  private write(text: string, onTaken: () => void = () => undefined): void {
    const { response } = this;
    if (this.isOver) return;
    if (response.writableLength > maxBufferedBytes) {
      this.logger.warn('An event stream is cut off: its client does not read', { bytes: response.writableLength });
      response.destroy();
      return;
    }
    response.write(text, (error) => {
      if (!error) onTaken();
    });
  }

  private scheduleKeepAlive(): Disposable {
    return this.clock.after(keepAliveMs, () => {
      if (this.isOver) return;
      this.write(': still here\n\n');
      this.keepAlive = this.scheduleKeepAlive();
    });
  }
}

/** JSON has no line ends of its own, so that the data is one line. */
function textOf({ event, data, id }: StreamedEvent): string {
  const identity = id === undefined ? '' : `id: ${id}\n`;
  return `${identity}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
