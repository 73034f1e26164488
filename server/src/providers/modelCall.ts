import type { ModelMessage, ToolSet } from 'ai';
import { CodedError } from '../../protocol/errors.ts';
import type { TokenUsage } from '../../protocol/sessionEvents.ts';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Endpoint } from './endpoints.ts';
import type { ProviderModel } from './languageModelFactory.ts';
import { loadModelLibraries } from './loadModelLibraries.ts';

/** How long a model may say nothing. Local models load for minutes before their first word. */
export interface ModelCallLimits {
  readonly firstChunkMs: number;
  readonly chunkMs: number;
}

export interface ModelCallRequest {
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly {
    readonly name: string;
    readonly description: string;
    readonly inputSchema: Readonly<Record<string, unknown>>;
  }[];
  readonly signal: AbortSignal;
  /** Awaited before more is taken from the network. */
  onPart(part: ModelCallPart): Promise<void>;
}

export type ModelCallPart =
  | { readonly type: 'text' | 'thought'; readonly text: string }
  | {
      readonly type: 'toolCall';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly input: unknown;
      readonly invalid?: string;
      readonly providerMetadata?: Readonly<Record<string, unknown>>;
    };

export interface ModelCallAnswer {
  readonly finish: 'stop' | 'toolCalls' | 'length' | 'refusal';
  readonly usage: TokenUsage | undefined;
}

export interface ModelCallTarget {
  readonly model: ProviderModel;
  readonly endpoint: Endpoint;
  readonly limits: ModelCallLimits;
  readonly clock: Clock;
}

/**
 * Makes one streaming call, with no retry. Rejects with whatever broke it: the caller explains that. A rejection while
 * `request.signal` is aborted is the caller's own doing.
 */
export async function callModel(target: ModelCallTarget, request: ModelCallRequest): Promise<ModelCallAnswer> {
  (globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;
  const { streamText, jsonSchema } = await loadModelLibraries();
  const tools: ToolSet = {};
  for (const { name, description, inputSchema } of request.tools) {
    // Without `execute`, so that the SDK ends after one step; without validation, which is the tool box's.
    tools[name] = { description, inputSchema: jsonSchema(inputSchema) };
  }
  using watchdog = new SilenceWatchdog(target);
  const result = streamText({
    model: target.model,
    instructions: request.instructions,
    messages: [...request.messages],
    tools,
    maxRetries: 0,
    abortSignal: AbortSignal.any([request.signal, watchdog.signal]),
    // Errors also come as parts of the stream; left to itself the SDK would print them.
    onError: () => undefined,
  });
  let answer: ModelCallAnswer | undefined;
  for await (const part of result.stream) {
    watchdog.heard(part.type);
    switch (part.type) {
      case 'text-delta':
        await request.onPart({ type: 'text', text: part.text });
        break;
      case 'reasoning-delta':
        await request.onPart({ type: 'thought', text: part.text });
        break;
      case 'tool-call':
        await request.onPart(toolCallPart(part));
        break;
      case 'error':
        throw part.error;
      case 'abort':
        request.signal.throwIfAborted();
        watchdog.signal.throwIfAborted();
        throw new CodedError(
          'Unavailable',
          `${target.endpoint.name} ended its answer early. Continue to go on from there.`,
        );
      case 'finish-step':
        answer = { finish: finishOf(part.finishReason, target.endpoint), usage: usageOf(part.usage) };
        break;
      default:
        break;
    }
  }
  request.signal.throwIfAborted();
  watchdog.signal.throwIfAborted();
  if (!answer) throw new CodedError('Unavailable', `${target.endpoint.name} sent no answer. Try again.`);
  return answer;
}

function toolCallPart(part: {
  toolCallId: string;
  toolName: string;
  input: unknown;
  invalid?: boolean | undefined;
  providerMetadata?: Readonly<Record<string, unknown>> | undefined;
}): ModelCallPart {
  return {
    type: 'toolCall',
    toolCallId: part.toolCallId,
    toolName: part.toolName,
    input: part.input,
    ...(part.invalid === true &&
      typeof part.input === 'string' && { invalid: 'The arguments are not valid JSON. Send one JSON object.' }),
    ...(part.providerMetadata && { providerMetadata: part.providerMetadata }),
  };
}

function finishOf(reason: string, endpoint: Endpoint): ModelCallAnswer['finish'] {
  switch (reason) {
    case 'stop':
      return 'stop';
    case 'tool-calls':
      return 'toolCalls';
    case 'length':
      return 'length';
    case 'content-filter':
      return 'refusal';
    default:
      throw new CodedError(
        'Unavailable',
        `${endpoint.name} ended its answer without finishing it. What had arrived is kept. Continue to go on from there.`,
      );
  }
}

function usageOf(usage: {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
}): TokenUsage | undefined {
  if (usage.inputTokens === undefined && usage.outputTokens === undefined) return undefined;
  return { inputTokens: Math.trunc(usage.inputTokens ?? 0), outputTokens: Math.trunc(usage.outputTokens ?? 0) };
}

/** Aborts a call whose server says nothing for too long, before its first word and between two. */
class SilenceWatchdog implements Disposable {
  private readonly controller = new AbortController();
  private readonly target: ModelCallTarget;
  private timer: Disposable;

  constructor(target: ModelCallTarget) {
    this.target = target;
    this.timer = this.startTimer(target.limits.firstChunkMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Tells of a part. Those that the SDK makes by itself before the server has said anything do not count. */
  heard(partType: string): void {
    if (partType === 'start' || partType === 'start-step') return;
    this.timer.dispose();
    this.timer = this.startTimer(this.target.limits.chunkMs);
  }

  dispose(): void {
    this.timer.dispose();
    this.timer = toDisposable(() => undefined);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private startTimer(limitMs: number): Disposable {
    return this.target.clock.after(limitMs, () => {
      const { name } = this.target.endpoint;
      this.controller.abort(
        new CodedError(
          'TimedOut',
          `${name} has sent nothing for ${Math.round(limitMs / 1000)} s. What had arrived is kept. ` +
            'Try again, or choose another model if this one is too slow.',
        ),
      );
    });
  }
}
