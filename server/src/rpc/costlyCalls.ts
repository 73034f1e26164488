import { CodedError } from '../../protocol/errors.ts';
import type { RequestContext } from '../base/handlers.ts';
import type { HandlerTable } from './router.ts';

/** Of one token, at one time. */
const maxRunning = 2;
const maxWaiting = 64;

type AnyHandler = (params: never, context: RequestContext) => unknown;

/** The calls of one token. */
interface Calls {
  running: number;
  /** The oldest first; each takes the place of one that has ended. */
  readonly waiting: (() => void)[];
}

/**
 * Bounds methods whose work grows with what is stored, so that a client that asks for many at once keeps nobody else
 * waiting: of each token two run at one time and 64 wait. Who has shown no token has started this process, and is not
 * bounded.
 */
export class CostlyCalls {
  private readonly byToken = new Map<string, Calls>();

  /** `handlers`, those of `methods` bounded together. These reject with `ResourceLimit` where too many wait. */
  bound<Table extends HandlerTable>(handlers: Table, methods: readonly (keyof Table & string)[]): Table {
    const bounded = methods.map((method) => {
      const handler = handlers[method] as AnyHandler;
      const inTurn = (params: never, context: RequestContext): unknown =>
        this.inTurn(method, context, () => handler(params, context));
      return [method, inTurn];
    });
    return { ...handlers, ...(Object.fromEntries(bounded) as Partial<Table>) };
  }

  private async inTurn(method: string, { client, signal }: RequestContext, work: () => unknown): Promise<unknown> {
    const { tokenId } = client;
    if (tokenId === undefined) return work();
    const calls = this.callsOf(tokenId);
    if (calls.running < maxRunning) calls.running += 1;
    else await placeAmong(calls, method, signal);
    try {
      return await work();
    } finally {
      // Whoever else has asked for something meanwhile is answered first.
      setImmediate(() => this.end(tokenId, calls));
    }
  }

  private callsOf(tokenId: string): Calls {
    let calls = this.byToken.get(tokenId);
    if (!calls) this.byToken.set(tokenId, (calls = { running: 0, waiting: [] }));
    return calls;
  }

  private end(tokenId: string, calls: Calls): void {
    const next = calls.waiting.shift();
    if (next) {
      next();
      return;
    }
    calls.running -= 1;
    if (calls.running === 0) this.byToken.delete(tokenId);
  }
}

/** Resolves once the caller has the place of a call that has ended. Rejects with the signal's reason. */
async function placeAmong({ waiting }: Calls, method: string, signal: AbortSignal): Promise<void> {
  if (waiting.length >= maxWaiting) {
    const message = `${method} was not run: ${maxRunning} calls of this token that take long are running, and ${maxWaiting} wait for them. Try again when some have been answered.`;
    throw new CodedError('ResourceLimit', message, { args: { max: maxRunning + maxWaiting } });
  }
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const leave = (): void => {
    waiting.splice(waiting.indexOf(take), 1);
    reject(signal.reason as Error);
  };
  const take = (): void => {
    signal.removeEventListener('abort', leave);
    resolve(undefined);
  };
  waiting.push(take);
  signal.addEventListener('abort', leave, { once: true });
  await promise;
}
