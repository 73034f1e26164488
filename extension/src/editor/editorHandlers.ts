import type { ParsedParamsOf, ResultOf, ServerToClientMethod } from '../../../server/protocol/contract.ts';
import type { Secrets } from '../secrets.ts';
import { createDocumentHandlers } from './documentHandlers.ts';
import { createLanguageFeatureHandlers } from './languageFeatureHandlers.ts';
import { createLanguageModelHandlers, type LanguageModelEvents } from './languageModelHandlers.ts';

/** One function for each question that the server may ask of the editor. */
export type EditorHandlers = {
  readonly [M in ServerToClientMethod]: (params: ParsedParamsOf<M>, signal: AbortSignal) => Promise<ResultOf<M>>;
};

/** Everything that the server may ask of this window. */
export function createEditorHandlers(secrets: Secrets, events: LanguageModelEvents): EditorHandlers {
  return {
    ...createDocumentHandlers(),
    ...createLanguageFeatureHandlers(),
    ...createLanguageModelHandlers(events),
    'secret/get': async ({ name }) => ({ value: await secrets.get(name) }),
    'secret/set': async ({ name, value }) => {
      await secrets.set(name, value);
      return {};
    },
    'secret/delete': async ({ name }) => {
      await secrets.delete(name);
      return {};
    },
  };
}
