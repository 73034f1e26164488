import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { ModelScript, PlainReply, ScriptedReply, StreamedReply, StreamStep } from './modelScript.ts';

const maxBodyBytes = 64 * 1024 * 1024;
const maxRecordedRequests = 10_000;

interface ChatMessage {
  readonly role: string;
  readonly content?: string | null | readonly { readonly type: string; readonly text?: string }[];
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}

/** Body of a chat-completions request, as far as tests look at it. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: unknown } }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Set for `POST …/chat/completions`. */
  readonly chat: ChatRequest | undefined;
  /** The client went away before the answer was complete. */
  wasAborted: boolean;
}

/**
 * A model's endpoint on loopback: the chat-completions protocol with streaming, `/models`, and Ollama's `/api/tags`. It
 * stands in for models that cost money; what it says comes from a script.
 */
export class ModelServer {
  readonly requests: RecordedRequest[] = [];
  private readonly server: Server;
  private script: ModelScript;
  private replies: ScriptedReply[];

  private constructor(script: ModelScript) {
    this.script = script;
    this.replies = [...(script.replies ?? [])];
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  /** Listens on 127.0.0.1; port 0 takes any that is free. */
  static async start(script: ModelScript = {}, port = 0): Promise<ModelServer> {
    const modelServer = new ModelServer(script);
    await new Promise<void>((resolve, reject) => {
      modelServer.server.once('error', reject);
      modelServer.server.listen(port, '127.0.0.1', resolve);
    });
    return modelServer;
  }

  /** `http://127.0.0.1:<port>`: Ollama's address. */
  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Base URL of the chat-completions API. */
  get baseUrl(): string {
    return `${this.origin}/v1`;
  }

  /** Bodies of the chat requests so far. */
  get chats(): ChatRequest[] {
    return this.requests.flatMap(({ chat }) => (chat ? [chat] : []));
  }

  /** Replies that no request has used yet. */
  get unusedReplies(): number {
    return this.replies.filter(({ repeat }) => repeat !== true).length;
  }

  /** Replaces the script. */
  play(script: ModelScript): void {
    this.script = script;
    this.replies = [...(script.replies ?? [])];
  }

  /** Adds replies after those that are left. */
  willReply(...replies: readonly ScriptedReply[]): void {
    this.replies.push(...replies);
  }

  /** Cuts every connection and stops listening. */
  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve, reject) => this.server.close((error) => (error ? reject(error) : resolve())));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const method = request.method ?? 'GET';
    const body = await readBody(request);
    const isChat = method === 'POST' && path.endsWith('/chat/completions');
    const chat = isChat ? (JSON.parse(body) as ChatRequest) : undefined;
    const recorded: RecordedRequest = { method, path, headers: request.headers, chat, wasAborted: false };
    if (this.requests.length < maxRecordedRequests) this.requests.push(recorded);
    response.once('close', () => (recorded.wasAborted = !response.writableFinished));
    const reply = this.replyTo(recorded);
    if (reply.delayMs !== undefined) await sleepUnlessClosed(response, reply.delayMs);
    if (response.destroyed) return;
    if (chat && 'stream' in reply) await new ReplyStream(chat, reply, response).send();
    else if ('status' in reply) sendPlain(response, reply);
  }

  private replyTo({ method, path, headers, chat }: RecordedRequest): ScriptedReply {
    const { apiKey, models, ollamaModels } = this.script;
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      return refusal(401, 'Incorrect API key provided.');
    }
    if (chat) {
      const problem = findProblem(chat);
      if (problem !== undefined) return refusal(400, problem);
      const last = messageText(chat.messages.at(-1)).slice(0, 200);
      return this.takeReply(chat) ?? refusal(500, `The script has no reply for this request: ${last}`);
    }
    if (/^(\/v1)?\/models$/.test(path) && models) {
      const data = models.map((id) => ({ id, object: 'model', owned_by: 'test' }));
      return { status: 200, body: { object: 'list', data } };
    }
    if (path === '/api/tags' && ollamaModels) {
      return { status: 200, body: { models: ollamaModels.map((name) => ({ name, model: name, size: 1 })) } };
    }
    return refusal(404, `There is nothing at ${method} ${path}.`);
  }

  private takeReply(chat: ChatRequest): ScriptedReply | undefined {
    const index = this.replies.findIndex((reply) => fits(reply, chat));
    const reply = this.replies[index];
    if (reply && reply.repeat !== true) this.replies.splice(index, 1);
    return reply;
  }
}

/** What a real endpoint refuses: a tool call without its one answer, an answer without its call, arguments that are no JSON. */
function findProblem({ messages }: ChatRequest): string | undefined {
  const open = new Set<string>();
  for (const message of messages) {
    if (message.role === 'tool') {
      if (!open.delete(message.tool_call_id ?? '')) return `No tool call precedes the answer ${message.tool_call_id}.`;
      continue;
    }
    if (open.size > 0)
      return `An assistant message with tool calls must be followed by answers to: ${[...open].join()}.`;
    for (const call of message.tool_calls ?? []) {
      if (typeof JSON.parse(call.function.arguments) !== 'object') return `The arguments of ${call.id} are no object.`;
      open.add(call.id);
    }
  }
  return open.size > 0 ? `There are tool calls without an answer: ${[...open].join()}.` : undefined;
}

function fits({ when }: ScriptedReply, { messages }: ChatRequest): boolean {
  if (!when) return true;
  const last = messages.at(-1);
  const user = messages.findLast(({ role }) => role === 'user');
  return (
    (when.lastRole === undefined || last?.role === when.lastRole) &&
    (when.contains === undefined || messageText(last).includes(when.contains)) &&
    (when.userContains === undefined || messageText(user).includes(when.userContains))
  );
}

/** The text of a message, whichever of the two forms it has. */
export function messageText(message: ChatMessage | undefined): string {
  const content = message?.content;
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? '').join('');
}

/** One streamed answer. */
class ReplyStream {
  private readonly chat: ChatRequest;
  private readonly reply: StreamedReply;
  private readonly response: ServerResponse;
  private toolCalls = 0;

  constructor(chat: ChatRequest, reply: StreamedReply, response: ServerResponse) {
    this.chat = chat;
    this.reply = reply;
    this.response = response;
  }

  async send(): Promise<void> {
    this.response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    // A client that waits for the status must get it even where the first step is a stall.
    this.response.flushHeaders();
    for (const step of this.reply.stream) {
      if (this.response.destroyed) return;
      if ('cut' in step) {
        this.response.destroy();
        return;
      }
      if ('stall' in step) {
        await sleepUnlessClosed(this.response, 2_147_483_647);
        return;
      }
      if ('waitMs' in step) await sleepUnlessClosed(this.response, step.waitMs);
      else await this.write(this.bodyOf(step));
    }
    this.response.end();
  }

  private bodyOf(step: Exclude<StreamStep, { cut: true } | { stall: true } | { waitMs: number }>): string {
    if ('raw' in step) return step.raw;
    if ('text' in step)
      return cut(step.text, step.pieces ?? 1)
        .map((content) => this.delta({ content }))
        .join('');
    if ('thought' in step) return this.delta({ reasoning_content: step.thought });
    if ('toolCall' in step) return this.toolCall(step.toolCall);
    const usage = step.usage ?? { input: 10, output: 5 };
    const usageChunk = this.chunk([], {
      usage: { prompt_tokens: usage.input, completion_tokens: usage.output, total_tokens: usage.input + usage.output },
    });
    return (
      this.chunk([{ index: 0, delta: {}, finish_reason: step.finish }]) +
      (this.chat.stream_options?.include_usage === true ? usageChunk : '') +
      'data: [DONE]\n\n'
    );
  }

  private toolCall(call: Extract<StreamStep, { toolCall: unknown }>['toolCall']): string {
    const index = this.toolCalls++;
    const written = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
    const first = this.delta({
      tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
    });
    const rest = cut(written, call.pieces ?? 1).map((piece) =>
      this.delta({ tool_calls: [{ index, function: { arguments: piece } }] }),
    );
    return first + rest.join('');
  }

  private delta(delta: object): string {
    return this.chunk([{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: null }]);
  }

  private chunk(choices: readonly object[], more: object = {}): string {
    const head = { id: 'chatcmpl-test', object: 'chat.completion.chunk', created: 1, model: this.chat.model };
    return `data: ${JSON.stringify({ ...head, choices, ...more })}\n\n`;
  }

  private async write(body: string): Promise<void> {
    const bytes = Buffer.from(body, 'utf8');
    const size = this.reply.splitBytes ?? bytes.length;
    for (let start = 0; start < bytes.length && !this.response.destroyed; start += size) {
      await new Promise<void>((resolve) => {
        this.response.write(bytes.subarray(start, start + size), () => resolve());
      });
    }
  }
}

/** `text` in `pieces` parts, cut at any UTF-16 code unit but not inside a pair. */
function cut(text: string, pieces: number): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / pieces));
  const parts: string[] = [];
  for (let start = 0; start < characters.length; start += size)
    parts.push(characters.slice(start, start + size).join(''));
  return parts;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Error('The request is larger than 64 MiB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function sleepUnlessClosed(response: ServerResponse, ms: number): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    response.once('close', done);
  });
}

function sendPlain(response: ServerResponse, { status, headers = {}, body = '' }: PlainReply): void {
  if (typeof body !== 'string') {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body);
}

function refusal(status: number, message: string): PlainReply {
  return { status, body: { error: { message } } };
}

/** `node test/support/modelServer.ts --port N --script file.json` prints `{"origin","baseUrl"}` and serves until killed. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, script: { type: 'string' } } });
  const script = values.script === undefined ? {} : (JSON.parse(readFileSync(values.script, 'utf8')) as ModelScript);
  const server = await ModelServer.start(script, Number(values.port));
  console.log(JSON.stringify({ origin: server.origin, baseUrl: server.baseUrl }));
}

// No await here: suites that are bundled as CommonJS import this file too.
if (process.argv[1] === import.meta.filename) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
