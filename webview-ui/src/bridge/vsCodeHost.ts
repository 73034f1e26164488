import type { HostToView, ViewToHost } from '../../../server/protocol/panelBridge.ts';
import type { Host } from './host.ts';

interface VsCodeApi {
  postMessage(message: ViewToHost): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const kinds: ReadonlySet<unknown> = new Set<HostToView['kind']>(['context', 'response', 'notification', 'do']);

/** Joins the view to VS Code. May be called once in a page's life: VS Code hands its API out only once. */
export function createVsCodeHost(): Host {
  const api = acquireVsCodeApi();
  return {
    post: (message) => api.postMessage(message),
    onMessage(listener) {
      // VS Code's own frame posts things that are not meant for us; only our kinds are passed on.
      const onWindowMessage = (event: MessageEvent<unknown>): void => {
        if (isHostMessage(event.data)) listener(event.data);
      };
      window.addEventListener('message', onWindowMessage);
      return { dispose: () => window.removeEventListener('message', onWindowMessage) };
    },
    readState: () => api.getState(),
    writeState: (state) => api.setState(state),
  };
}

function isHostMessage(data: unknown): data is HostToView {
  return typeof data === 'object' && data !== null && 'kind' in data && kinds.has(data.kind);
}
