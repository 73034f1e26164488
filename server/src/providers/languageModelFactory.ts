import type { LanguageModel } from 'ai';
import { CodedError } from '../../protocol/errors.ts';
import type { Endpoint } from './endpoints.ts';
import { loadModelLibraries } from './loadModelLibraries.ts';
import type { HttpFetch } from './ports.ts';

/** The AI SDK's half of a provider never takes a name: a name would go to a hosted gateway. */
export type ProviderModel = Exclude<LanguageModel, string>;

/** More than any answer: a server that never stops is cut off here. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Makes the AI SDK's model for an endpoint that speaks chat completions. */
export async function createLanguageModel(endpoint: Endpoint, model: string, fetch: HttpFetch): Promise<ProviderModel> {
  const { createOpenAICompatible } = await loadModelLibraries();
  const provider = createOpenAICompatible({
    name: endpoint.provider,
    baseURL: endpoint.chatBaseUrl,
    includeUsage: true,
    fetch: guardAnswers(fetch, endpoint),
    ...(endpoint.apiKey && { apiKey: endpoint.apiKey }),
  });
  return provider.chatModel(model);
}

/** Refuses web pages in place of answers (the SDK would see an empty stream), and answers without an end. */
function guardAnswers(fetch: HttpFetch, endpoint: Endpoint): HttpFetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok) return response;
    const type = response.headers.get('content-type') ?? '';
    if (/text\/html|application\/xhtml/i.test(type)) {
      await response.body?.cancel();
      throw new CodedError(
        'Unavailable',
        `${endpoint.name} at ${endpoint.chatBaseUrl} answered with a web page instead of a model's stream. ` +
          'Check the address: it usually ends in /v1, and a proxy or sign-in page may stand in between.',
      );
    }
    if (!response.body) return response;
    return new Response(response.body.pipeThrough(byteLimit(endpoint)), response);
  };
}

function byteLimit(endpoint: Endpoint): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= maxAnswerBytes) controller.enqueue(chunk);
      else {
        controller.error(
          new CodedError('TooLarge', `${endpoint.name} sent an answer of more than 64 MiB. It was cut off; try again.`),
        );
      }
    },
  });
}
