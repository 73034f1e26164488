import type { Secrets } from '../secrets.ts';
import { createDocumentHandlers } from './documentHandlers.ts';
import type { EditorHandlers } from './editorHandler.ts';
import { createLanguageFeatureHandlers } from './languageFeatureHandlers.ts';
import { createLanguageModelHandlers, type LanguageModelEvents } from './languageModelHandlers.ts';

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
