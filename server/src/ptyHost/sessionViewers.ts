import type { PtyHostNotifications } from '../ptyProtocol/messages.ts';

/** The way to the client through which somebody looks. */
export interface ViewerPort {
  notify<N extends keyof PtyHostNotifications>(method: N, params: PtyHostNotifications[N]): void;
}

/** One that looks at a session. */
export interface SessionViewer {
  /** Chosen by the client. */
  readonly viewerId: number;
  readonly sessionId: string;
  /** Whether it can answer what a program asks of its terminal. */
  readonly canAnswer: boolean;
  readonly port: ViewerPort;
}

/**
 * Who looks at a session, through whichever client, in the order in which they came. A program that asks its terminal
 * something is to get one answer: from the first of them that can give one, until it goes.
 */
export class SessionViewers {
  private readonly viewers = new Set<SessionViewer>();
  private answerer: SessionViewer | undefined;

  get count(): number {
    return this.viewers.size;
  }

  add(viewer: SessionViewer): void {
    this.viewers.add(viewer);
    if (viewer.canAnswer) this.answerer ??= viewer;
  }

  /** The one after it, if there is one, is told that it answers from now on. */
  remove(viewer: SessionViewer): void {
    this.viewers.delete(viewer);
    if (this.answerer !== viewer) return;
    this.answerer = [...this.viewers].find(({ canAnswer }) => canAnswer);
    if (!this.answerer) return;
    const { viewerId, sessionId, port } = this.answerer;
    port.notify('answering', { viewerId, sessionId });
  }

  answers(viewer: SessionViewer): boolean {
    return this.answerer === viewer;
  }
}
