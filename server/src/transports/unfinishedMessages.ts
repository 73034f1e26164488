import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Bearer } from '../base/door.ts';
import type { ByteBudget } from './byteBudget.ts';

/** As long as a body. */
const maxMs = 30_000;
/** A ping or pong has two bytes and a mask of four before its data. */
const controlHeaderBytes = 6;

/**
 * Bounds what clients let us keep of messages that they have begun and do not end. The library tells of whole messages only,
 * so that what has come since the last one is taken for such a part.
 */
export class UnfinishedMessages {
  private readonly clock: Clock;
  private readonly budget: ByteBudget;

  constructor(clock: Clock, budget: ByteBudget) {
    this.clock = clock;
    this.budget = budget;
  }

  /** Calls `onExceeded` where `socket`, which is spoken over `stream`, has gone over a limit, until it is disposed. */
  watch(
    { stream, socket, bearer }: { readonly stream: Socket; readonly socket: WebSocket; readonly bearer: Bearer },
    onExceeded: (why: string) => void,
  ): Disposable {
    let finished = stream.bytesRead;
    let counted = 0;
    let timer: Disposable | undefined;
    const count = (bytes: number): void => {
      this.budget.add(bearer, bytes - counted);
      counted = bytes;
      if (bytes > 0) timer ??= this.clock.after(maxMs, () => onExceeded('A message took too long to arrive.'));
      else {
        timer?.dispose();
        timer = undefined;
      }
    };
    const onData = (): void => {
      count(Math.max(0, stream.bytesRead - finished));
      if (counted > 0 && this.budget.isExceededBy(bearer)) {
        onExceeded('Too much of messages that are not complete waits for this token.');
      }
    };
    const onMessage = (): void => {
      finished = stream.bytesRead;
      count(0);
    };
    // They come between the parts of a message, too.
    const onControl = (data: Buffer): void => {
      finished += controlHeaderBytes + data.length;
      if (stream.bytesRead <= finished) count(0);
    };
    stream.on('data', onData);
    socket.on('message', onMessage).on('ping', onControl).on('pong', onControl);
    return toDisposable(() => {
      stream.off('data', onData);
      socket.off('message', onMessage).off('ping', onControl).off('pong', onControl);
      count(0);
    });
  }
}
