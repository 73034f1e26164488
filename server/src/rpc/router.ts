import { z } from 'zod';
import { declarationOf, type ClientToServerMethod, type ClientNotification } from '../../protocol/contract.ts';
import { includesScope, type NotificationDeclaration, type RequestDeclaration } from '../../protocol/declaration.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client, RequestContext } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';
import { inRequest, type RequestOrigin } from '../base/requestScope.ts';
import { ErrorBoundary, type FailedRequest, type WireError } from './errorBoundary.ts';
import { guardParams } from './paramsGuard.ts';
import type { RateLimiter } from './rateLimiter.ts';

type AnyHandler = (params: never, context: RequestContext) => unknown;
/** A handler for some of the methods that clients call; the composition root joins the services' into one. */
export type HandlerTable = Partial<Readonly<Record<ClientToServerMethod | ClientNotification, AnyHandler>>>;

/** How a request ended: `ok`, or the reason of its error. */
export interface AnsweredRequest {
  readonly method: string;
  readonly outcome: string;
  readonly ms: number;
}

/** Gives params that have not arrived yet. Rejects with a `CodedError` where they cannot be had. */
export type ParamsSource = () => Promise<unknown>;

/** A request's answer, exactly one of the two. */
export type Answer = { readonly result: unknown } | { readonly error: WireError };

/**
 * Answers every request of every transport: finds the declaration, authorizes, limits, validates, dispatches, cancels, times
 * out. Whatever a handler does (throws, rejects, returns nonsense, never returns), the caller gets exactly one answer.
 */
export class Router implements Disposable {
  private readonly handlers: HandlerTable;
  private readonly limiter: Pick<RateLimiter, 'check'>;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly instanceId: string;
  private readonly onForbidden: ((method: string) => void) | undefined;
  private readonly answered: Emitter<AnsweredRequest>;
  private readonly boundary: ErrorBoundary;
  private requests = 0;

  constructor(options: {
    handlers: HandlerTable;
    limiter: Pick<RateLimiter, 'check'>;
    logger: Logger;
    clock: Clock;
    instanceId: string;
    /** Called, on behalf of the client, with the method that its token does not allow. */
    onForbidden?: (method: string) => void;
  }) {
    this.handlers = options.handlers;
    this.limiter = options.limiter;
    this.logger = options.logger;
    this.clock = options.clock;
    this.instanceId = options.instanceId;
    this.onForbidden = options.onForbidden;
    this.answered = new Emitter((error) => options.logger.error('A listener for answered requests failed', { error }));
    this.boundary = new ErrorBoundary(options);
  }

  /** Called after each request to a method of the contract. */
  onAnswered(listener: (request: AnsweredRequest) => void): Disposable {
    return this.answered.on(listener);
  }

  /** Names of the requests that a client of this scope and kind can call, in alphabetical order. */
  methods({ scope, kind }: Pick<Client, 'scope' | 'kind'>): string[] {
    return Object.keys(this.handlers)
      .filter((method) => {
        const declaration = declarationOf(method);
        if (declaration?.kind !== 'request' || !includesScope(scope, declaration.scope)) return false;
        return kind !== 'http' || declaration.insteadOverHttp === undefined;
      })
      .sort();
  }

  /** Counts what a caller asks for that is no method. Throws `RateLimited`. */
  admit(caller: Pick<Client, 'kind' | 'tokenId'>, what: string): void {
    this.limiter.check(caller, nameOf(what), 'api');
  }

  /** Counts a long text of a client, of which nothing was looked at, as a call for each 64 KiB beyond the first. */
  admitsText(client: Client, chars: number): boolean {
    for (let counted = countedChars; counted < chars; counted += countedChars) {
      if (!this.admitsNotification(client, 'long-message')) return false;
    }
    return true;
  }

  /** As `admit`, for a notification that a transport takes by itself: the log is told where it is one too many. */
  admitsNotification(client: Client, method: string): boolean {
    try {
      this.admit(client, method);
      return true;
    } catch (error) {
      this.refuse(error, { client: client.id, method });
      return false;
    }
  }

  /** The error to answer where a transport refuses a request by itself. Without an id of its own it gets one. */
  refuse(error: unknown, request: Refused): WireError {
    const { method, correlationId = this.nextCorrelationId() } = request;
    return this.boundary.toWireError(error, { ...request, method: nameOf(method), correlationId });
  }

  /**
   * Never rejects. `signal` aborts when the caller cancels or goes away. `params` may be a `ParamsSource`, which is asked
   * only once it is clear that the call may be made.
   */
  async request(client: Client, method: string, params: unknown, signal: AbortSignal): Promise<Answer> {
    const correlationId = this.nextCorrelationId();
    let started = this.clock.now();
    const answered = (outcome: string): number => {
      const ms = this.clock.now() - started;
      if (declarationOf(method)) this.answered.fire({ method, outcome, ms });
      return ms;
    };
    try {
      const declaration = this.requestDeclaration(client, method);
      this.authorize({ client, correlationId }, method, declaration);
      this.limiter.check(client, method, declaration.limit);
      refuseWhereUseless(client, method, declaration);
      const given = typeof params === 'function' ? await (params as ParamsSource)() : params;
      // How long a client takes to send them says nothing about this server.
      started = this.clock.now();
      const parsed = this.parseParams(method, declaration, given);
      const result = await this.run(client, method, declaration, { parsed, correlationId, signal });
      const ms = answered('ok');
      this.logger.trace('Request answered', { client: client.id, method, correlationId, ms });
      return { result };
    } catch (error) {
      const wireError = this.refuse(error, { client: client.id, method, correlationId });
      answered(wireError.data.reason);
      return { error: wireError };
    }
  }

  /** A notification has nobody to tell of a failure, so the log is told. */
  async notification(client: Client, method: string, params: unknown): Promise<void> {
    const correlationId = this.nextCorrelationId();
    try {
      const declaration = declarationOf(method);
      const handler = this.handlerOf(method);
      if (declaration?.kind !== 'notification' || handler === undefined) {
        this.limiter.check(client, nameOf(method), 'api');
        this.logger.debug('Unknown notification ignored', { client: client.id, method: nameOf(method) });
        return;
      }
      this.authorize({ client, correlationId }, method, declaration);
      this.limiter.check(client, method, declaration.limit);
      const parsed = this.parseParams(method, declaration, params);
      const context = { client, correlationId, signal: new AbortController().signal };
      await inRequest(context, () => handler(parsed as never, context));
    } catch (error) {
      this.refuse(error, { client: client.id, method, correlationId });
    }
  }

  dispose(): void {
    this.boundary.dispose();
    this.answered.dispose();
  }

  private requestDeclaration(client: Client, method: string): RequestDeclaration {
    const declaration = declarationOf(method);
    if (declaration?.kind === 'request' && declaration.direction === 'clientToServer' && this.handlerOf(method)) {
      return declaration;
    }
    this.limiter.check(client, nameOf(method), 'api');
    throw new CodedError('UnknownMethod', whyUnknown(client, method), { args: { method: nameOf(method) } });
  }

  /** Throws `Forbidden`; a call that is refused so counts as one of a method that there is not. */
  private authorize(
    origin: RequestOrigin,
    method: string,
    { scope }: RequestDeclaration | NotificationDeclaration,
  ): void {
    const { client } = origin;
    if (includesScope(client.scope, scope)) return;
    this.limiter.check(client, method, 'api');
    inRequest(origin, () => this.onForbidden?.(method));
    throw new CodedError(
      'Forbidden',
      `${method} was not run: it needs a token with the scope "${scope}", and this one has "${client.scope}".`,
      { args: { needed: scope, held: client.scope } },
    );
  }

  private handlerOf(method: string): AnyHandler | undefined {
    return Object.hasOwn(this.handlers, method) ? this.handlers[method as keyof HandlerTable] : undefined;
  }

  private parseParams(
    method: string,
    declaration: RequestDeclaration | NotificationDeclaration,
    params: unknown,
  ): unknown {
    guardParams(params);
    const parsed = declaration.params.safeParse(params ?? {});
    if (parsed.success) return parsed.data;
    throw new CodedError('InvalidParams', `${method} was not run: ${this.describe(parsed.error)}.`);
  }

  /** Races the handler against its time limit and the caller's signal; the loser's late outcome is only logged. */
  private run(
    client: Client,
    method: string,
    declaration: RequestDeclaration,
    call: { parsed: unknown; correlationId: string; signal: AbortSignal },
  ): Promise<unknown> {
    const { correlationId, signal } = call;
    return new Promise((resolve, reject) => {
      const controller = new AbortController();
      const settle = (finish: () => void): void => {
        timer.dispose();
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const giveUp = (error: CodedError): void => {
        settle(() => reject(error));
        controller.abort(error);
      };
      const onAbort = (): void => giveUp(new CodedError('Cancelled', `${method} was cancelled.`));
      const timer = this.clock.after(declaration.timeoutMs, () => {
        const seconds = declaration.timeoutMs / 1000;
        giveUp(
          new CodedError('TimedOut', `${method} was not done within ${seconds} s. Try again.`, { args: { seconds } }),
        );
      });
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) {
        onAbort();
        return;
      }
      const handler = this.handlerOf(method);
      const context = { client, correlationId, signal: controller.signal };
      Promise.resolve()
        .then(() => inRequest(context, () => handler?.(call.parsed as never, context)))
        .then((result) => this.checkResult(declaration, result))
        .then(
          (result) => {
            if (controller.signal.aborted) this.logger.debug('Late result dropped', { method, correlationId });
            else settle(() => resolve(result));
          },
          (error: unknown) => {
            if (controller.signal.aborted) this.logger.debug('Late failure dropped', { method, correlationId, error });
            else
              settle(() =>
                reject(error instanceof Error ? error : new Error('A handler threw no error', { cause: error })),
              );
          },
        );
    });
  }

  private checkResult(declaration: RequestDeclaration, result: unknown): unknown {
    const checked = declaration.result.safeParse(result);
    if (checked.success) return checked.data;
    throw new Error(`A handler returned what the contract does not allow: ${this.describe(checked.error)}`);
  }

  /** The first few problems in words: `cols: expected number`. */
  private describe(error: z.ZodError): string {
    const problems = error.issues.slice(0, 3).map((issue) => {
      const where = issue.path.map(String).join('.');
      return where === '' ? issue.message : `${where}: ${issue.message}`;
    });
    // Half of a secret would not be known as one any more.
    const text = this.logger.redacted(problems.join('; '));
    return text.length <= maxDescribedChars ? text : `${text.slice(0, maxDescribedChars)}…`;
  }

  private nextCorrelationId(): string {
    return `${this.instanceId}-${(++this.requests).toString(36)}`;
  }
}

/** As `FailedRequest`; what stands in `method` may be anything that a stranger has written. */
type Refused = Omit<FailedRequest, 'correlationId'> & Partial<Pick<FailedRequest, 'correlationId'>>;

/** Why a request is none of the contract, and where those that are stand. */
function whyUnknown({ kind }: Client, method: string): string {
  const isOverHttp = kind === 'http';
  const declaration = declarationOf(method);
  const isTold = declaration?.kind === 'notification' && declaration.direction === 'clientToServer';
  if (isTold || method === '$/cancelRequest') {
    return `${method} is no request: send it as a notification, without an id${isOverHttp ? ', over a WebSocket' : ''}.`;
  }
  return `There is no method "${nameOf(method)}". ${isOverHttp ? 'GET /api' : 'server/capabilities'} lists those that there are.`;
}

/** Throws `Unsupported` for what has no use where one answer is all. */
function refuseWhereUseless({ kind }: Client, method: string, { insteadOverHttp }: RequestDeclaration): void {
  if (kind !== 'http' || insteadOverHttp === undefined) return;
  throw new CodedError(
    'Unsupported',
    `${method} was not run: what follows has no way to arrive after a single answer. Use ${insteadOverHttp}, or a WebSocket.`,
  );
}

/** Of what is wrong with params. */
const maxDescribedChars = 500;
const countedChars = 64 * 1024;

/** Words short enough to be no token of ours, as in `terminal/create` and `/openapi.json`. */
const namePattern = /^\/?(?:[\w$.-]{1,32}\/){0,3}[\w$.-]{0,32}$/;

/** What a stranger has asked for, as it may stand in a message or a log line; what looks like no name may be a secret. */
function nameOf(what: string): string {
  return namePattern.test(what) ? what : '…';
}
