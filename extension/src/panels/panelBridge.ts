import * as vscode from 'vscode';
import type { ErrorReason } from '../../../server/protocol/errors.ts';
import { isCodedError } from '../codedError.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import type { HostToView, MethodForViews, ViewToHost } from '../../../server/protocol/panelBridge.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { messageFor } from '../errors.ts';
import { describeError, logFailure, type Log } from '../log.ts';
import type { ServerClient } from '../server/serverClient.ts';
import type { ServerSupervisor } from '../server/serverSupervisor.ts';
import { describeFailure, describeTroubles } from '../serverMessages.ts';
import { readWorkspace } from '../settings.ts';
import type { TerminalHub } from '../terminals/terminalHub.ts';
import { TerminalWatches } from '../terminals/terminalWatches.ts';
import { performAction } from './hostActions.ts';
import { readViewMessage } from './viewMessages.ts';

export interface PanelServices {
  readonly extensionUri: vscode.Uri;
  readonly client: ServerClient;
  readonly supervisor: ServerSupervisor;
  readonly hub: TerminalHub;
  readonly log: Log;
}

export type Wish = Extract<HostToView, { kind: 'do' }>;

/** A turn may last as long as a person takes to answer; its own budgets end it. */
const turnLimitMs = 25 * 60 * 60 * 1000;
const turnMethods: ReadonlySet<MethodForViews> = new Set(['session/prompt', 'session/continue']);
/** Wishes that wait for a view which is still loading. */
const maxWaitingWishes = 20;

/** One webview's connection with the extension host and, through it, with the server. It ends with the webview. */
export class PanelBridge implements Disposable {
  private readonly webview: vscode.Webview;
  private readonly services: PanelServices;
  private readonly terminalId: TerminalId | undefined;
  private readonly store = new DisposableStore();
  private readonly terminals: TerminalWatches;
  private readonly pending = new Map<number, vscode.CancellationTokenSource>();
  private readonly attachedSessions = new Set<string>();
  private readonly waitingWishes: Wish[] = [];
  private isReady = false;
  /** Pages that have announced themselves so far; what was meant for one of them is nothing to the next. */
  private pageCount = 0;
  private lastContext = '';

  /** `terminalId` is the terminal that the view is about, if it is about one. */
  constructor(webview: vscode.Webview, services: PanelServices, terminalId?: TerminalId) {
    this.webview = webview;
    this.services = services;
    this.terminalId = terminalId;
    const { client, supervisor, hub } = services;
    this.terminals = this.store.add(new TerminalWatches(hub, ({ method, params }) => this.notifyView(method, params)));
    this.store.add(webview.onDidReceiveMessage((message: unknown) => this.receive(message)));
    this.store.add(
      client.onAnyNotification(({ method, params }) => {
        // What the view watches of terminals comes through its own watches.
        if (!['terminal/output', 'terminal/gap', 'terminal/exited'].includes(method)) this.notifyView(method, params);
      }),
    );
    // With a new server process the view attaches again by itself.
    this.store.add(client.onNewServer(() => this.terminals.clear()));
    this.store.add(supervisor.onChanged(() => this.sendContext()));
    this.store.add(hub.onTabsChanged(() => this.sendContext()));
    this.store.add(vscode.workspace.onDidChangeWorkspaceFolders(() => this.sendContext()));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.sendContext()));
  }

  /** Asks the view to do something, as soon as it is loaded. */
  wish(wish: Wish): void {
    if (this.isReady) this.postWish(wish);
    else if (this.waitingWishes.length < maxWaitingWishes) this.waitingWishes.push(wish);
    else this.services.log.warn(`A view is not loaded, and "${wish.what}" is one wish too many to wait for it.`);
  }

  /** The page is gone, since VS Code drops what is hidden: wishes wait for the next one, and nothing is watched. */
  pageGone(): void {
    this.isReady = false;
    this.terminals.clear();
  }

  dispose(): void {
    this.store.dispose();
    // Requests are not cancelled: a turn goes on when its view is hidden, and is there when it is shown again.
    for (const source of this.pending.values()) source.dispose();
    this.pending.clear();
    const { client, log } = this.services;
    for (const sessionId of this.attachedSessions) {
      client.request('session/detach', { sessionId }, { waitMs: 0 }).then(undefined, (error: unknown) => {
        log.debug(`Conversation ${sessionId} was not detached: ${describeError(error)}`);
      });
    }
  }

  private receive(value: unknown): void {
    const read = readViewMessage(value);
    if ('message' in read) {
      this.handle(read.message);
      return;
    }
    this.services.log.warn(`A view sent ${read.problem}, which is refused.`);
    if (read.requestId === undefined) return;
    const reason = read.isForbidden ? 'Forbidden' : 'InvalidParams';
    this.postError(read.requestId, reason, `The view may not send ${read.problem}.`);
  }

  private handle(message: ViewToHost): void {
    switch (message.kind) {
      case 'ready':
        this.becomeReady();
        return;
      case 'request':
        logFailure(this.services.log, message.method, this.answer(message));
        return;
      case 'cancel':
        this.pending.get(message.id)?.cancel();
        return;
      case 'notification':
        if (message.method === 'terminal/acknowledge') this.terminals.acknowledge(message.params);
        else this.services.client.notify(message.method, message.params as never);
        return;
      case 'action':
        performAction(message.action, this.services.log);
    }
  }

  private becomeReady(): void {
    this.isReady = true;
    this.pageCount += 1;
    // The view was loaded anew: what its predecessor watched is none of its concern.
    this.terminals.clear();
    this.sendContext(true);
    for (const wish of this.waitingWishes.splice(0)) this.postWish(wish);
  }

  private async answer(request: Extract<ViewToHost, { kind: 'request' }>): Promise<void> {
    const { id } = request;
    const page = this.pageCount;
    const source = new vscode.CancellationTokenSource();
    this.pending.set(id, source);
    try {
      const result = await this.perform(request, source.token);
      // Each page numbers its requests from 1, so an answer that comes late must not reach the next page.
      if (page === this.pageCount) this.post({ kind: 'response', id, result });
    } catch (error) {
      if (!isCodedError(error)) this.services.log.error(`${request.method}: ${describeError(error)}`);
      const reason = isCodedError(error) ? error.reason : 'Internal';
      if (page === this.pageCount) this.postError(id, reason, messageFor(error));
    } finally {
      if (this.pending.get(id) === source) this.pending.delete(id);
      source.dispose();
    }
  }

  private async perform(
    { method, params }: Extract<ViewToHost, { kind: 'request' }>,
    cancellation: vscode.CancellationToken,
  ): Promise<unknown> {
    if (method === 'terminal/attach') return this.terminals.attach(params);
    if (method === 'terminal/detach') return this.terminals.detach(params);
    const limits = turnMethods.has(method) ? { timeoutMs: turnLimitMs } : {};
    // The server validates params strictly, so nothing is checked twice here.
    const result: unknown = await this.services.client.request(method, params, { cancellation, ...limits });
    const { sessionId } = params as { sessionId?: unknown };
    if (typeof sessionId === 'string') {
      if (method === 'session/attach') this.attachedSessions.add(sessionId);
      if (method === 'session/detach') this.attachedSessions.delete(sessionId);
    }
    return result;
  }

  /** Sends the context where something in it has changed, or anyway if `always`. */
  private sendContext(always = false): void {
    if (!this.isReady) return;
    const { state, generation, failure, health } = this.services.supervisor.status;
    const message = failure ? describeFailure(failure) : describeTroubles(health).join(' ');
    const { folders, trusted } = readWorkspace();
    const context: HostToView = {
      kind: 'context',
      serverState: state,
      serverGeneration: generation,
      ...(message !== '' && { serverMessage: message }),
      workspaceFolder: folders[0]?.path ?? null,
      trusted,
      ...this.terminalContext(),
      strings: translatedStrings(),
    };
    const text = JSON.stringify(context);
    if (!always && text === this.lastContext) return;
    this.lastContext = text;
    this.post(context);
  }

  private terminalContext(): Partial<Extract<HostToView, { kind: 'context' }>> {
    const { terminalId } = this;
    if (terminalId === undefined) return {};
    const gpu = vscode.workspace.getConfiguration('terminal.integrated').get<string>('gpuAcceleration');
    return { terminalId, answersQueries: !this.services.hub.isInTab(terminalId), mayUseGpu: gpu !== 'off' };
  }

  private notifyView(method: string, params: object): void {
    if (this.isReady) this.post({ kind: 'notification', method, params: withArrayBuffer(params) });
  }

  private postError(id: number, reason: ErrorReason, message: string): void {
    this.post({ kind: 'response', id, error: { reason, message } });
  }

  private postWish(wish: Wish): void {
    const page = this.pageCount;
    this.post(wish, () => {
      // Unless another page has come meanwhile, there is none, and the wish waits for it.
      if (page === this.pageCount) this.pageGone();
      this.wish(wish);
    });
  }

  /** `onMissed` is called where there was no page that could have got the message. */
  private post(message: HostToView, onMissed?: () => void): void {
    if (this.store.isDisposed) return;
    this.webview.postMessage(message).then(
      (hasArrived) => {
        if (!hasArrived && !this.store.isDisposed) onMissed?.();
      },
      // It rejects while the window closes, when nobody is there to miss the message.
      (error: unknown) => this.services.log.debug(`A view did not get a message: ${describeError(error)}`),
    );
  }
}

/** Bytes cross to a view fastest as an ArrayBuffer of exactly these bytes, not of all those they were read with. */
function withArrayBuffer(params: object): object {
  const { data } = params as { data?: unknown };
  return data instanceof Uint8Array ? { ...params, data: new Uint8Array(data).buffer } : params;
}

const viewStringPrefix = 'view.';

/** Translations of the views' strings stand in the extension's bundle, with a prefix; there is none for English. */
function translatedStrings(): Record<string, string> {
  const entries = Object.entries(vscode.l10n.bundle ?? {}).filter(([key]) => key.startsWith(viewStringPrefix));
  return Object.fromEntries(entries.map(([key, text]) => [key.slice(viewStringPrefix.length), text]));
}
