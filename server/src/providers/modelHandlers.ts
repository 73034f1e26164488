import type { model } from '../../protocol/model.ts';
import type { Handlers } from '../base/handlers.ts';
import type { ModelCatalog } from './modelCatalog.ts';

/** Answers the contract's group `model`. */
export function createModelHandlers(catalog: ModelCatalog): Handlers<typeof model> {
  return {
    'model/list': ({ refresh }) => catalog.list(refresh),
    'model/status': async ({ refresh }) => ({ providers: await catalog.status(refresh) }),
  };
}
