import type * as http from 'node:http';
import type { ParamsOf, ResultOf, ServerNotification } from '../../protocol/contract.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Bearer } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';
import type { WireError } from '../rpc/errorBoundary.ts';
import type { AnswerLimits } from './answerLimits.ts';
import type { Exchange, StayingClientsOptions } from './door.ts';
import { EventStream, eventText, type EventParts, type StreamedEvent } from './eventStream.ts';
import { sendAnswer } from './httpAnswer.ts';
import { createHttpClient } from './httpCalls.ts';
import { bytesToBase64 } from './wireBytes.ts';

export interface EventStreamsOptions extends StayingClientsOptions {
  readonly answers: Pick<AnswerLimits, 'endWith' | 'isLatest'>;
}

/**
 * `GET /events?conversation=ID&terminal=ID&from=SEQUENCE`: notifications as server-sent events, each with its method as the
 * event and its params as the data. What `session/attach` and `terminal/attach` answer comes first, as events of these
 * names; both of them where both are asked for. Events of a conversation have its sequence number as their id, from which
 * `Last-Event-ID` goes on. Without either id: what all clients are told. It is the last request of its connection.
 */
export class EventStreams implements Disposable {
  private readonly options: EventStreamsOptions;
  private readonly streams = new Set<EventStream>();
  /** By what was notified: it is written out once, however many streams it is sent to. */
  private readonly texts = new WeakMap<object, string>();

  constructor(options: EventStreamsOptions) {
    this.options = options;
  }

  get size(): number {
    return this.streams.size;
  }

  /** Answers with a stream that lasts as long as its client and its token do, or with why there is nothing to attach to. */
  async open(exchange: Exchange, bearer: Bearer): Promise<void> {
    const { router, clients, answers } = this.options;
    const { response } = exchange;
    if (response.destroyed) return;
    if (!isKnown(exchange.query)) throw new CodedError('InvalidParams', unknownParameter);
    if (!answers.isLatest(exchange)) throw new CodedError('InvalidRequest', lastOfConnection);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const stream = new EventStream(response, { ...this.options, bearer });
    // What came behind would wait for its end, with its answer.
    answers.endWith(exchange, () => stream.end('InvalidRequest', lastOfConnection));
    // Before anything is awaited, so that no end of the token is missed.
    this.keep(stream, response, bearer);
    const acknowledge = (params: ParamsOf<'terminal/acknowledge'>): void => {
      void router.notification(client, 'terminal/acknowledge', params);
    };
    const client = createHttpClient(response, bearer, {
      kind: 'eventStream',
      notify: (method, params) =>
        stream.send({ text: this.textOf(method, params), onTaken: takenOf(method, params, acknowledge) }),
    });
    const attachments = attachmentsOf(exchange);
    const attached = await this.attach(client, attachments, gone.signal);
    if (gone.signal.aborted || stream.isOver) return;
    if ('error' in attached) {
      sendAnswer(response, attached);
      return;
    }
    if (attachments.length === 0) clients.add(client);
    stream.begin(attached.events);
  }

  dispose(): void {
    for (const stream of [...this.streams]) stream.end('Unavailable', 'The server ends.');
  }

  /** What the attachments have answered, or why one of them could not be made. */
  private async attach(
    client: Client,
    attachments: readonly AttachmentRequest[],
    signal: AbortSignal,
  ): Promise<{ readonly events: StreamedEvent[] } | { readonly error: WireError }> {
    const events: StreamedEvent[] = [];
    for (const { method, params } of attachments) {
      const answer = await this.options.router.request(client, method, params, signal);
      if ('error' in answer) return answer;
      const result = answer.result as Partial<ResultOf<'session/attach'>>;
      // Who comes again after nothing but this has seen everything up to here.
      const text = eventText({ event: method, data: bytesToBase64(result), id: result.sequence });
      events.push({ text });
    }
    return { events };
  }

  private textOf<M extends ServerNotification>(method: M, params: ParamsOf<M>): string {
    const known = this.texts.get(params);
    if (known !== undefined) return known;
    const text = eventText(partsOf(method, params));
    this.texts.set(params, text);
    return text;
  }

  private keep(stream: EventStream, response: http.ServerResponse, bearer: Bearer): void {
    this.streams.add(stream);
    const watching = this.options.watch(bearer, () =>
      stream.end('Unauthenticated', 'The token does not hold any more.'),
    );
    response.once('close', () => {
      watching.dispose();
      stream.dispose();
      this.streams.delete(stream);
    });
  }
}

const parameters = ['conversation', 'terminal', 'from'];
/** Names none of what was sent: what stands in an address by mistake may be a token. */
const unknownParameter = `GET /events takes ${parameters.join(', ')}, each once, and nothing else.`;

const lastOfConnection =
  'GET /events was ended: it is the last request of its connection. Send nothing behind it, and other requests on another connection.';

function isKnown(query: URLSearchParams): boolean {
  const names = [...query.keys()];
  return names.length === new Set(names).size && names.every((name) => parameters.includes(name));
}

interface AttachmentRequest {
  readonly method: 'session/attach' | 'terminal/attach';
  readonly params: object;
}

function attachmentsOf({ request, query }: Exchange): AttachmentRequest[] {
  const requests: AttachmentRequest[] = [];
  const conversation = query.get('conversation');
  const terminal = query.get('terminal');
  const from = request.headers['last-event-id'] ?? query.get('from');
  if (conversation !== null) {
    const since = typeof from === 'string' ? { fromSequence: Number(from) } : {};
    requests.push({ method: 'session/attach', params: { sessionId: conversation, ...since } });
  }
  // Who only reads cannot answer what programs ask.
  if (terminal !== null) {
    requests.push({ method: 'terminal/attach', params: { sessionId: terminal, canAnswer: false } });
  }
  return requests;
}

function partsOf<M extends ServerNotification>(method: M, params: ParamsOf<M>): EventParts {
  const data = bytesToBase64(params);
  if (method !== 'session/update') return { event: method, data };
  return { event: method, data, id: (params as ParamsOf<'session/update'>).sequence };
}

/** What the system has taken of a terminal's output makes room for more of it. */
function takenOf<M extends ServerNotification>(
  method: M,
  params: ParamsOf<M>,
  acknowledge: (params: ParamsOf<'terminal/acknowledge'>) => void,
): (() => void) | undefined {
  if (method !== 'terminal/output') return undefined;
  const { sessionId, offset, data: bytes } = params as ParamsOf<'terminal/output'>;
  const length = bytes instanceof Uint8Array ? bytes.byteLength : 0;
  return () => acknowledge({ sessionId, offset: offset + length });
}
