/**
 * What the model fixture answers, as plain JSON, so that a script can stand in a file as well as in a test.
 *
 * A script's replies are used in order, each once; one with `when` waits until a request fits it, one with `repeat` is
 * never used up. A request that no reply fits is answered with status 500 and a message that says so.
 */
export interface ModelScript {
  /** Ids for `GET /models` (and `/v1/models`). Left out: that path answers 404, as an endpoint without the list does. */
  readonly models?: readonly string[];
  /** Names for Ollama's `GET /api/tags`. Left out: 404. */
  readonly ollamaModels?: readonly string[];
  /** Requests without this key get 401. */
  readonly apiKey?: string;
  readonly replies?: readonly ScriptedReply[];
}

export type ScriptedReply = ReplyConditions & (StreamedReply | PlainReply);

interface ReplyConditions {
  readonly when?: {
    /** Role of the last message. */
    readonly lastRole?: 'user' | 'assistant' | 'tool' | 'system';
    /** Text that the last message contains. */
    readonly contains?: string;
    /** Text that the last message of the person contains. */
    readonly userContains?: string;
  };
  readonly repeat?: boolean;
  /** Waits before the first byte of the answer. */
  readonly delayMs?: number;
}

/** An answer as server-sent events of the chat-completions protocol. */
export interface StreamedReply {
  readonly stream: readonly StreamStep[];
  /** Writes the body in pieces of this many bytes, wherever that cuts lines and characters. */
  readonly splitBytes?: number;
}

/** Any other answer. */
export interface PlainReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else as JSON. */
  readonly body?: unknown;
}

export type StreamStep =
  /** Text of the answer, in `pieces` chunks (1 if left out). */
  | { readonly text: string; readonly pieces?: number }
  /** Thoughts, as `reasoning_content`. */
  | { readonly thought: string }
  /** A tool call; its arguments come in `pieces` chunks. A string is sent as it is, valid JSON or not. */
  | {
      readonly toolCall: {
        readonly id: string;
        readonly name: string;
        readonly arguments: unknown;
        readonly pieces?: number;
      };
    }
  /** The finish reason; the usage chunk (if asked for) and `[DONE]` follow. */
  | {
      readonly finish: 'stop' | 'tool_calls' | 'length' | 'content_filter';
      readonly usage?: { readonly input: number; readonly output: number };
    }
  /** Bytes of the body as they are. */
  | { readonly raw: string }
  | { readonly waitMs: number }
  /** Sends nothing more and keeps the connection until the client goes. */
  | { readonly stall: true }
  /** Destroys the socket. */
  | { readonly cut: true };

/** A complete answer that only speaks. */
export function says(text: string, options: { pieces?: number; splitBytes?: number } = {}): StreamedReply {
  const { pieces = 3, splitBytes } = options;
  return {
    stream: [
      { text, pieces },
      { finish: 'stop', usage: { input: 100, output: 10 } },
    ],
    ...(splitBytes !== undefined && { splitBytes }),
  };
}

/** A complete answer that calls tools. */
export function calls(...toolCalls: readonly { id?: string; name: string; arguments: unknown }[]): StreamedReply {
  return {
    stream: [
      ...toolCalls.map((call, index) => ({
        toolCall: { id: call.id ?? `call_${index}`, name: call.name, arguments: call.arguments, pieces: 3 },
      })),
      { finish: 'tool_calls', usage: { input: 120, output: 20 } },
    ],
  };
}
