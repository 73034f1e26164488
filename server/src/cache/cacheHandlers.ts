import type { cache } from '../../protocol/cache.ts';
import type { Handlers } from '../base/handlers.ts';
import type { CacheService } from './cacheService.ts';

/** Answers the contract's group `cache`. */
export function createCacheHandlers(service: CacheService): Handlers<typeof cache> {
  return {
    'cache/stats': () => service.stats(),
    'cache/clear': ({ namespace }) => service.clear(namespace),
  };
}
