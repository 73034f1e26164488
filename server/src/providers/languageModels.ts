import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { Endpoints, parseModelName, providerIds, type Endpoint } from './endpoints.ts';
import { createLanguageModel, type ProviderModel } from './languageModelFactory.ts';
import {
  callModel,
  type ModelCallAnswer,
  type ModelCallLimits,
  type ModelCallPart,
  type ModelCallRequest,
} from './modelCall.ts';
import type { ModelCatalog, ModelList } from './modelCatalog.ts';
import { explainModelFailure, type ModelFailure } from './modelFailure.ts';
import type { HttpFetch } from './ports.ts';

/** How often and for how long a call is repeated that failed before anything arrived. */
export interface RetryLimits {
  readonly maxAttempts: number;
  /** All waiting of one call together. */
  readonly maxTotalWaitMs: number;
  readonly firstWaitMs: number;
}

export interface LanguageModelsOptions {
  readonly catalog: ModelCatalog;
  readonly endpoints: Endpoints;
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ModelCallLimits & RetryLimits>;
}

const defaultLimits: ModelCallLimits & RetryLimits = {
  firstChunkMs: 180_000,
  chunkMs: 90_000,
  maxAttempts: 4,
  maxTotalWaitMs: 60_000,
  firstWaitMs: 500,
};
const choicesWaitMs = 1_000;

/** A model that is ready to be called. */
export interface CallableModel {
  readonly id: string;
  readonly contextTokens: number | undefined;
  call(request: ModelCallRequest): Promise<ModelCallAnswer>;
}

/** Finds models by name and calls them. */
export class LanguageModels {
  private readonly options: LanguageModelsOptions;
  private readonly limits: ModelCallLimits & RetryLimits;

  constructor(options: LanguageModelsOptions) {
    this.options = options;
    this.limits = { ...defaultLimits, ...options.limits };
  }

  isModelName(model: string): boolean {
    return parseModelName(model) !== undefined;
  }

  /** What is known without waiting for longer than that. */
  choices(waitMs = choicesWaitMs): Promise<ModelList> {
    return this.options.catalog.known(waitMs);
  }

  /** The model `id`, or with null the default one. Rejects with a `CodedError` that says how to set one up. */
  async ready(id: string | null): Promise<CallableModel> {
    const name = id ?? (await this.defaultModel());
    const parsed = parseModelName(name);
    if (!parsed) {
      throw new CodedError(
        'NotFound',
        `"${name}" names no model. Write provider/model, the provider being one of ${providerIds.join(', ')}.`,
      );
    }
    const endpoint = await this.options.endpoints.of(parsed.provider);
    if ('missing' in endpoint)
      throw new CodedError('Unavailable', `The model ${name} is not set up. ${endpoint.message}`);
    const { fetch, catalog } = this.options;
    const { models } = await catalog.known(0);
    return {
      id: name,
      contextTokens: models.find((model) => model.id === name)?.contextTokens,
      call: async (request) => {
        const model = await createLanguageModel(endpoint, parsed.model, fetch);
        return this.callWithRetries(model, endpoint, request);
      },
    };
  }

  private async defaultModel(): Promise<string> {
    const { models, defaultModel } = await this.options.catalog.list();
    if (defaultModel !== null) return defaultModel;
    if (models.length > 0) {
      throw new CodedError(
        'NotFound',
        `Several models can be reached and none is chosen. Choose one (on the command line with --model, over the network with session/set_config_option), or set "model.default": ${listed(models)}.`,
      );
    }
    throw new CodedError(
      'Unavailable',
      'No model is set up. Start Ollama with a model, set an OpenAI API key, or set the address of an OpenAI-compatible endpoint (outside VS Code: OLLAMA_HOST, OPENAI_API_KEY, OPENAI_BASE_URL).',
    );
  }

  private async callWithRetries(
    model: ProviderModel,
    endpoint: Endpoint,
    request: ModelCallRequest,
  ): Promise<ModelCallAnswer> {
    const { clock, logger } = this.options;
    let waitedMs = 0;
    for (let attempt = 1; ; attempt++) {
      const progress = { hasStarted: false };
      const onPart = (part: ModelCallPart): Promise<void> => {
        progress.hasStarted = true;
        return request.onPart(part);
      };
      try {
        return await callModel({ model, endpoint, clock, limits: this.limits }, { ...request, onPart });
      } catch (error) {
        request.signal.throwIfAborted();
        const failure = explainModelFailure(error, endpoint, model.modelId, progress.hasStarted);
        const waitMs = this.waitBefore(attempt + 1, failure);
        if (progress.hasStarted || waitMs === undefined || waitedMs + waitMs > this.limits.maxTotalWaitMs) {
          logger.warn('A model call failed', { provider: endpoint.provider, attempt, error: failure.error });
          throw failure.error;
        }
        logger.info('A model call is repeated', {
          provider: endpoint.provider,
          attempt,
          waitMs,
          why: failure.error.message,
        });
        waitedMs += waitMs;
        await pause(clock, waitMs, request.signal);
      }
    }
  }

  /** Milliseconds to wait before attempt `attempt`; undefined if it is not worth it. */
  private waitBefore(attempt: number, failure: ModelFailure): number | undefined {
    if (!failure.isTransient || attempt > this.limits.maxAttempts) return undefined;
    const backoffMs = this.limits.firstWaitMs * 2 ** (attempt - 2) * (0.75 + Math.random() / 2);
    return Math.max(failure.retryAfterMs ?? 0, backoffMs);
  }
}

/** Waits, or rejects with the signal's reason as soon as it is aborted. */
async function pause(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.dispose();
      reject(signal.reason instanceof Error ? signal.reason : new CodedError('Cancelled', 'The call was cancelled.'));
    };
    const timer = clock.after(waitMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** The first few names, for a sentence. */
function listed(models: ModelList['models']): string {
  const shown = models.slice(0, 5).map(({ id }) => id);
  return [...shown, ...(models.length > shown.length ? ['…'] : [])].join(', ');
}
