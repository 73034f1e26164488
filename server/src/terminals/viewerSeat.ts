import type { TerminalId } from '../../protocol/terminal.ts';
import type { Disposable } from '../base/disposable.ts';
import type { PtyHostClient, PtyView } from './hostClient/ptyHostClient.ts';
import { QuestionBlanking } from './screens/questionBlanking.ts';

interface SeatOptions {
  readonly host: PtyHostClient;
  readonly sessionId: TerminalId;
  /** Whether the client's terminal can answer what a program asks. */
  readonly canAnswer: boolean;
  /** Whether the pty host counts it, so that the terminal is not ended as one that nobody looks at. */
  readonly isCounted: boolean;
}

/**
 * One client among all that look at a terminal, of this server and of others, as the pty host counts them. What the program asks
 * of its terminal comes to one of them only. Kept over all attachments of the client to that host; disposing gives it up.
 */
export class ViewerSeat implements Disposable {
  private readonly options: SeatOptions;
  private view: PtyView | undefined;
  private answers = false;
  private blanking = new QuestionBlanking();
  private nextOffset = 0;

  /** Rejects like a request to the pty host. */
  static async take(options: SeatOptions, signal: AbortSignal): Promise<ViewerSeat> {
    const seat = new ViewerSeat(options);
    const { host, sessionId, canAnswer, isCounted } = options;
    if (!isCounted) return seat;
    seat.view = await host.view({ sessionId, canAnswer, onAnswering: () => (seat.answers = true) }, signal);
    // The turn may have come meanwhile.
    seat.answers ||= seat.view.answers;
    return seat;
  }

  private constructor(options: SeatOptions) {
    this.options = options;
  }

  get canAnswer(): boolean {
    return this.options.canAnswer;
  }

  /** Whether it is among those that `host` counts. */
  isCountedBy(host: PtyHostClient): boolean {
    return this.options.isCounted && this.options.host === host;
  }

  /** Whether it is one at `host`, for a client that can or cannot answer. */
  fits({ host, canAnswer }: Pick<SeatOptions, 'host' | 'canAnswer'>): boolean {
    return this.options.host === host && this.options.canAnswer === canAnswer;
  }

  /** The output from `offset` on as this client is to get it; as long as `data`. */
  shown(data: Uint8Array, offset: number): Uint8Array {
    if (offset !== this.nextOffset) this.blanking = new QuestionBlanking();
    this.nextOffset = offset + data.length;
    return this.answers ? data : this.blanking.blank(data);
  }

  dispose(): void {
    this.view?.dispose();
  }
}
