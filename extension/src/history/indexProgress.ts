import * as vscode from 'vscode';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import { logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';

/** Shows at the foot of the window how far the index of conversations is, while it is being built. */
export function showIndexProgress(client: Pick<ServerClient, 'onNewServer' | 'onNotification'>, log: Log): Disposable {
  let shown: { readonly report: (text: string) => void; readonly end: () => void } | undefined;
  const end = (): void => {
    shown?.end();
    shown = undefined;
  };
  const progressed = client.onNotification('conversation/indexProgressed', ({ done, total }) => {
    if (done >= total) {
      end();
      return;
    }
    shown ??= begin(log);
    shown.report(vscode.l10n.t('{0} %', Math.floor((done / total) * 100)));
  });
  // The one that was building it is gone, and nobody will say that it has ended.
  const restarted = client.onNewServer(end);
  return toDisposable(() => {
    progressed.dispose();
    restarted.dispose();
    end();
  });
}

function begin(log: Log): { report: (text: string) => void; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let show: (text: string) => void = () => undefined;
  const title = vscode.l10n.t('Indexing conversations');
  const shown = vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, (progress) => {
    show = (message) => progress.report({ message });
    return promise;
  });
  logFailure(log, 'Showing the progress of the index', shown);
  return { report: (text) => show(text), end: () => resolve(undefined) };
}
