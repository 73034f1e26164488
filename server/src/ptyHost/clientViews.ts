import type { Disposable } from '../base/disposable.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import type { PtyViewParams } from '../ptyProtocol/messages.ts';
import type { Session } from './session.ts';
import type { SessionViewer, ViewerPort } from './sessionViewers.ts';

/** Viewers one client may tell of: every session in four views. */
export const maxViewersPerClient = 1_024;

/** Those who look at sessions through one client. They go with it. */
export class ClientViews implements Disposable {
  private readonly port: ViewerPort;
  private readonly entries = new Map<number, { readonly session: Session; readonly viewer: SessionViewer }>();

  constructor(port: ViewerPort) {
    this.port = port;
  }

  add(session: Session, { viewerId, canAnswer }: PtyViewParams): { answers: boolean } {
    if (this.entries.has(viewerId)) {
      throw new PtyProtocolError('InvalidParams', `Viewer ${viewerId} exists already; choose another number.`);
    }
    if (this.entries.size >= maxViewersPerClient) {
      throw new PtyProtocolError('ResourceLimit', `A client may tell of ${maxViewersPerClient} viewers.`);
    }
    const viewer = { viewerId, sessionId: session.sessionId, canAnswer, port: this.port };
    this.entries.set(viewerId, { session, viewer });
    session.viewers.add(viewer);
    return { answers: session.viewers.answers(viewer) };
  }

  remove(viewerId: number): void {
    const entry = this.entries.get(viewerId);
    if (!entry) throw new PtyProtocolError('NotFound', `There is no viewer ${viewerId}.`);
    this.entries.delete(viewerId);
    entry.session.viewers.remove(entry.viewer);
  }

  dispose(): void {
    for (const { session, viewer } of this.entries.values()) session.viewers.remove(viewer);
    this.entries.clear();
  }
}
