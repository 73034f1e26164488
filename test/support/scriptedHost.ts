import type { Page } from 'playwright-core';
import type {
  HostAction,
  HostToView,
  MethodForViews,
  NotificationForViews,
  ViewToHost,
} from '../../server/protocol/panelBridge.ts';
import type { ParamsOf, ParsedParamsOf, ResultOf, ServerNotification } from '../../server/protocol/contract.ts';
import { CodedError } from '../../server/protocol/errors.ts';
import { eventually } from './eventually.ts';

/** Far longer than a view takes on a busy machine. */
const waitLimitMs = 15_000;

type Context = Extract<HostToView, { kind: 'context' }>;
type Answer<M extends MethodForViews> = (params: ParamsOf<M>) => ResultOf<M> | Promise<ResultOf<M>>;
type AnyAnswer = (params: object) => unknown;

/** What the view sent, by kind, in order. */
export interface Received {
  readonly requests: { readonly method: MethodForViews; readonly params: object }[];
  readonly notifications: { readonly method: NotificationForViews; readonly params: object }[];
  readonly actions: HostAction[];
  readonly cancelled: number[];
}

/**
 * Stands where VS Code's extension host stands: at the other end of a webview's `postMessage`. What it answers is
 * written by each test.
 */
export class ScriptedHost {
  readonly received: Received = { requests: [], notifications: [], actions: [], cancelled: [] };
  private readonly page: Page;
  private readonly answers = new Map<MethodForViews, AnyAnswer>();
  private context: Context = {
    kind: 'context',
    serverState: 'ready',
    serverGeneration: 1,
    workspaceFolder: '/project',
    trusted: true,
    strings: {},
  };

  constructor(page: Page) {
    this.page = page;
  }

  /** Says how `method` is answered from now on; a `CodedError` that is thrown crosses as the error that it is. */
  answer<M extends MethodForViews>(method: M, answer: Answer<M>): this {
    // The view's types let it send nothing but the params of that method.
    this.answers.set(method, answer as unknown as AnyAnswer);
    return this;
  }

  /** Changes the context, and tells the view if it has announced itself. */
  async setContext(changes: Partial<Omit<Context, 'kind'>>): Promise<void> {
    this.context = { ...this.context, ...changes };
    await this.send(this.context);
  }

  /** Prepares the context for a view that is yet to be opened. */
  prepareContext(changes: Partial<Omit<Context, 'kind'>>): this {
    this.context = { ...this.context, ...changes };
    return this;
  }

  async notify<M extends ServerNotification>(method: M, params: ParsedParamsOf<M>): Promise<void> {
    await this.send({ kind: 'notification', method, params });
  }

  /** Sends terminal output as the extension host does: with the bytes as an `ArrayBuffer`. */
  async sendOutput(sessionId: string, offset: number, data: string | Uint8Array): Promise<void> {
    const base64 = Buffer.from(data).toString('base64');
    await this.page.evaluate(
      (message) => {
        const bytes = Uint8Array.from(atob(message.base64), (character) => character.charCodeAt(0));
        const { sessionId, offset } = message;
        const params = { sessionId, offset, data: bytes.buffer };
        window.postMessage({ kind: 'notification', method: 'terminal/output', params });
      },
      { sessionId, offset, base64 },
    );
  }

  async send(message: HostToView): Promise<void> {
    // As one string, since the browser's remote control is slow with large structures.
    await this.page.evaluate((json) => window.postMessage(JSON.parse(json)), JSON.stringify(message));
  }

  /** Waits until the view has called `method` `count` times, and gives the params of the last of these calls. */
  async waitForRequest<M extends MethodForViews>(method: M, count = 1): Promise<ParamsOf<M>> {
    const calls = () => this.received.requests.filter((request) => request.method === method);
    await eventually(`${count} calls of ${method}`, () => calls().length >= count, waitLimitMs);
    return calls()[count - 1]?.params as ParamsOf<M>;
  }

  async waitForNotification<M extends NotificationForViews>(method: M): Promise<ParamsOf<M>> {
    const sent = () => this.received.notifications.find((notification) => notification.method === method);
    await eventually(`the notification ${method}`, () => sent() !== undefined, waitLimitMs);
    return sent()?.params as ParamsOf<M>;
  }

  async waitForAction(): Promise<HostAction> {
    await eventually('an action', () => this.received.actions.length > 0, waitLimitMs);
    return this.received.actions.at(-1)!;
  }

  /** Takes a message that the view posted. */
  async receive(message: ViewToHost): Promise<void> {
    switch (message.kind) {
      case 'ready':
        await this.send(this.context);
        return;
      case 'request':
        this.received.requests.push(message);
        await this.respond(message);
        return;
      case 'notification':
        this.received.notifications.push(message);
        return;
      case 'action':
        this.received.actions.push(message.action);
        return;
      case 'cancel':
        this.received.cancelled.push(message.id);
    }
  }

  private async respond({ id, method, params }: Extract<ViewToHost, { kind: 'request' }>): Promise<void> {
    try {
      const answer = this.answers.get(method);
      if (answer === undefined) throw new CodedError('UnknownMethod', `The test has no answer for ${method}.`);
      await this.send({ kind: 'response', id, result: await answer(params) });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      await this.send({ kind: 'response', id, error: { reason: error.reason, message: error.message } });
    }
  }
}
