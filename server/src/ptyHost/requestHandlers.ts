import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { encodeCheckpoint } from '../ptyProtocol/binaryFrames.ts';
import { maxInputWaitMs } from '../ptyProtocol/limits.ts';
import type { PtyMethod, PtyRequests } from '../ptyProtocol/messages.ts';
import type { ClientSubscriptions } from './clientSubscriptions.ts';
import type { ClientViews } from './clientViews.ts';
import {
  ParamReader,
  readCreate,
  readKeepAlive,
  readSignal,
  readSize,
  readSubscribe,
  readSubscriptionId,
  readView,
  readViewerId,
} from './requestParams.ts';
import { signalSession } from './sessionSignals.ts';
import type { SessionTable } from './sessionTable.ts';

/** What a request may act on. */
export interface RequestContext {
  readonly id: number;
  readonly sessions: SessionTable;
  readonly subscriptions: ClientSubscriptions;
  /** Notes what the client wishes; undefined: nothing. */
  readonly setKeepAlive: (hours: number | undefined) => void;
  readonly views: ClientViews;
}

/** A result to be sent as JSON, or a whole frame that is the answer. */
type Answer<M extends PtyMethod> = PtyRequests[M]['result'] | Buffer;
type Handler<M extends PtyMethod> = (reader: ParamReader, context: RequestContext) => Answer<M> | Promise<Answer<M>>;

const handlers: { readonly [M in PtyMethod]: Handler<M> } = {
  ping: finished(() => () => ({})),
  create: finished((reader) => {
    const params = readCreate(reader);
    return async ({ sessions }) => {
      const { sessionId, pid } = await sessions.create(params);
      return { sessionId, pid };
    };
  }),
  resize: finished((reader) => {
    const sessionId = reader.sessionId();
    const { cols, rows } = readSize(reader);
    return ({ sessions }) => {
      sessions.get(sessionId).resize(cols, rows);
      return {};
    };
  }),
  signal: finished((reader) => {
    const sessionId = reader.sessionId();
    const signal = readSignal(reader);
    return async ({ sessions }) => {
      await signalSession(sessions.get(sessionId), signal);
      return {};
    };
  }),
  close: finished((reader) => {
    const sessionId = reader.sessionId();
    return async ({ sessions }) => {
      await sessions.close(sessionId);
      return {};
    };
  }),
  list: finished((reader) => {
    const cursor = reader.optional('cursor', () => reader.integer('cursor', 0, Number.MAX_SAFE_INTEGER));
    return ({ sessions }) => sessions.list(cursor ?? 0);
  }),
  setKeepAlive: finished((reader) => {
    const hours = readKeepAlive(reader);
    return ({ setKeepAlive }) => {
      setKeepAlive(hours ?? undefined);
      return {};
    };
  }),
  awaitInputRoom: finished((reader) => {
    const sessionId = reader.sessionId();
    const bytes = reader.integer('bytes', 1, Number.MAX_SAFE_INTEGER);
    const waitMs = reader.integer('waitMs', 0, maxInputWaitMs);
    return async ({ sessions }) => {
      await sessions.get(sessionId).inputRoom(bytes, waitMs);
      return {};
    };
  }),
  setMetadata: finished((reader) => {
    const sessionId = reader.sessionId();
    const metadata = reader.metadata();
    return ({ sessions }) => {
      sessions.setMetadata(sessionId, metadata);
      return {};
    };
  }),
  getCheckpoint: finished((reader) => {
    const sessionId = reader.sessionId();
    return ({ id, sessions }) => {
      const { checkpoint } = sessions.get(sessionId);
      return checkpoint ? encodeCheckpoint(id, checkpoint.offset, checkpoint.data) : { checkpoint: null };
    };
  }),
  getMarks: finished((reader) => {
    const sessionId = reader.sessionId();
    const fromIndex = reader.optional('fromIndex', () => reader.integer('fromIndex', 0, Number.MAX_SAFE_INTEGER));
    return ({ sessions }) => sessions.get(sessionId).marks.from(fromIndex ?? 0);
  }),
  subscribe: finished((reader) => {
    const params = readSubscribe(reader);
    return ({ sessions, subscriptions }) => subscriptions.add(sessions.get(params.sessionId), params);
  }),
  unsubscribe: finished((reader) => {
    const subscriptionId = readSubscriptionId(reader);
    return ({ subscriptions }) => {
      subscriptions.remove(subscriptionId);
      return {};
    };
  }),
  view: finished((reader) => {
    const params = readView(reader);
    return ({ sessions, views }) => views.add(sessions.get(params.sessionId), params);
  }),
  unview: finished((reader) => {
    const viewerId = readViewerId(reader);
    return ({ views }) => {
      views.remove(viewerId);
      return {};
    };
  }),
  forget: finished((reader) => {
    const sessionId = reader.sessionId();
    return ({ sessions }) => {
      sessions.forget(sessionId);
      return {};
    };
  }),
};

/** Answers one request. Throws, or rejects with, a `PtyProtocolError` for whatever the client did wrong. */
export function handleRequest(method: string, params: unknown, context: RequestContext): object | Promise<object> {
  if (!isMethod(method)) {
    throw new PtyProtocolError('UnknownMethod', `The pty host knows no method "${method.slice(0, 80)}".`);
  }
  return handlers[method](new ParamReader(method, params), context);
}

function isMethod(name: string): name is PtyMethod {
  return Object.hasOwn(handlers, name);
}

/** Reads all params first, refuses left-over ones, and only then acts. */
function finished<T>(
  prepare: (reader: ParamReader) => (context: RequestContext) => T,
): (reader: ParamReader, context: RequestContext) => T {
  return (reader, context) => {
    const act = prepare(reader);
    reader.finish();
    return act(context);
  };
}
