import { z } from 'zod';
import type { ModelInfo, ProviderStatus } from '../../protocol/model.ts';
import { getBoundedJson, HttpFailure } from './boundedJson.ts';
import type { Endpoint } from './endpoints.ts';
import type { HttpFetch } from './ports.ts';

const timeoutMs = 5_000;
const maxBodyBytes = 4 * 1024 * 1024;
const maxModels = 1_000;

/** What one provider answered. */
export interface ProviderListing {
  readonly status: ProviderStatus;
  readonly models: readonly ModelInfo[];
}

const openAiModels = z.object({
  data: z.array(
    z.looseObject({
      id: z.string().min(1).max(200),
      max_model_len: z.number().nullish().catch(null),
      context_length: z.number().nullish().catch(null),
    }),
  ),
});
const ollamaTags = z.object({ models: z.array(z.looseObject({ name: z.string().min(1).max(200) })) });

/** OpenAI lists models for other uses beside those that chat. */
const notForChat = /embedding|whisper|tts|dall-e|moderation|audio|realtime|image|transcribe|sora|davinci|babbage/i;

/** Asks one endpoint which models it has. Never rejects: what goes wrong is its status. */
export async function listModels(endpoint: Endpoint, fetch: HttpFetch, signal?: AbortSignal): Promise<ProviderListing> {
  const base = { id: endpoint.provider, name: endpoint.name, baseUrl: endpoint.baseUrl };
  try {
    const answer = await getBoundedJson({
      fetch,
      url: endpoint.baseUrl + (endpoint.provider === 'ollama' ? '/api/tags' : '/models'),
      headers: endpoint.apiKey ? { authorization: `Bearer ${endpoint.apiKey}` } : {},
      timeoutMs,
      maxBodyBytes,
      ...(signal && { signal }),
    });
    const models = endpoint.provider === 'ollama' ? readOllamaTags(answer) : readOpenAiModels(answer, endpoint);
    if (models.length === 0)
      return { status: { ...base, status: 'ready', message: noModelsMessage(endpoint) }, models };
    return { status: { ...base, status: 'ready' }, models };
  } catch (error) {
    return { status: { ...base, ...explain(endpoint, error) }, models: [] };
  }
}

function readOpenAiModels(answer: unknown, endpoint: Endpoint): ModelInfo[] {
  const { data } = openAiModels.parse(answer);
  return data
    .filter(({ id }) => !(endpoint.isDefaultAddress && notForChat.test(id)))
    .slice(0, maxModels)
    .map(({ id, max_model_len, context_length }) => {
      const contextTokens = max_model_len ?? context_length;
      return {
        id: `${endpoint.provider}/${id}`,
        name: id,
        provider: endpoint.provider,
        ...(contextTokens && Number.isInteger(contextTokens) && { contextTokens }),
      };
    });
}

function readOllamaTags(answer: unknown): ModelInfo[] {
  return ollamaTags
    .parse(answer)
    .models.slice(0, maxModels)
    .map(({ name }) => ({ id: `ollama/${name}`, name, provider: 'ollama' }));
}

function noModelsMessage(endpoint: Endpoint): string {
  return endpoint.provider === 'ollama'
    ? 'Ollama runs but has no model yet. Get one, for example with: ollama pull qwen3-coder'
    : `${endpoint.name} at ${endpoint.baseUrl} lists no models.`;
}

function explain(endpoint: Endpoint, error: unknown): Pick<ProviderStatus, 'status' | 'message'> {
  if (error instanceof HttpFailure && (error.status === 401 || error.status === 403)) {
    if (!endpoint.apiKey) return { status: 'needsKey', message: `${endpoint.name} wants an API key. Set one.` };
    return { status: 'rejected', message: `${endpoint.name} rejects the API key (${error.message}). Set another one.` };
  }
  if (error instanceof z.ZodError) {
    return {
      status: 'unreachable',
      message: `What answers at ${endpoint.baseUrl} does not list models as ${endpoint.name} does. Check the address.`,
    };
  }
  const what = error instanceof Error ? error.message : 'the request failed';
  const advice =
    endpoint.provider === 'ollama'
      ? 'Install Ollama (https://ollama.com) and start it, or set "providers.ollama.baseUrl".'
      : 'Check the address and that the endpoint runs.';
  return {
    status: 'unreachable',
    message: `${endpoint.name} at ${endpoint.baseUrl} cannot be used: ${what}. ${advice}`,
  };
}
