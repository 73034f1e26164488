import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { CodedError } from '../../protocol/errors.ts';
import type { ModelInfo, ProviderStatus } from '../../protocol/model.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { Endpoints, providerIds, providerTable, type Endpoint, type ProviderId } from './endpoints.ts';
import { listModels, type ProviderListing } from './modelListing.ts';
import type { AnswerCache, Broadcaster, HttpFetch, SettingsSource } from './ports.ts';

export interface ModelCatalogOptions {
  readonly endpoints: Endpoints;
  readonly settings: SettingsSource;
  readonly fetch: HttpFetch;
  /** Made with `listingNamespace`. */
  readonly cache: AnswerCache<ProviderListing>;
  readonly broadcaster: Broadcaster;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ModelList {
  readonly models: ModelInfo[];
  readonly defaultModel: string | null;
}

type Accepted = 'stale' | 'fresh' | 'nothing';

/** Knows which models can be reached. Answers are kept for a short time, and asked for once at a time. */
export class ModelCatalog implements Disposable {
  private readonly options: ModelCatalogOptions;
  private readonly disposed = new AbortController();
  /** What was listed last, for those who cannot wait. */
  private last: readonly ProviderListing[] = [];
  private generation = 0;

  constructor(options: ModelCatalogOptions) {
    this.options = options;
  }

  /** Lists the reachable models, and the one that is used where none is named. */
  async list(refresh = false): Promise<ModelList> {
    return this.toList(await this.listings(refresh ? 'nothing' : 'fresh'));
  }

  /** Says of each provider whether it can be used. */
  async status(refresh = false): Promise<ProviderStatus[]> {
    return (await this.listings(refresh ? 'nothing' : 'fresh')).map((listing) => listing.status);
  }

  /** What is known, up to a day old while it is asked for anew; waits at most `waitMs` where nothing is known. */
  async known(waitMs: number): Promise<ModelList> {
    const listings = this.listings('stale');
    let timer: Disposable | undefined;
    const waited = new Promise<readonly ProviderListing[]>((resolve) => {
      timer = this.options.clock.after(waitMs, () => resolve(this.last));
    });
    try {
      return this.toList(await Promise.race([listings, waited]));
    } finally {
      timer?.dispose();
    }
  }

  /** Tells the clients that the settings name other providers or models. Answers belong to an address, and stay. */
  settingsChanged(): void {
    this.options.broadcaster.notifyAll('model/changed', {});
  }

  /** Forgets what was answered, because a key changed, and tells the clients. */
  invalidate(): void {
    const { cache, logger, broadcaster } = this.options;
    this.generation++;
    this.last = [];
    cache.clear().catch((error: unknown) => logger.error('The lists of models could not be forgotten', { error }));
    broadcaster.notifyAll('model/changed', {});
  }

  dispose(): void {
    this.disposed.abort();
  }

  private toList(listings: readonly ProviderListing[]): ModelList {
    const models = listings.flatMap((listing) => [...listing.models]);
    const set = this.options.settings.get('model.default');
    const only = models.length === 1 ? models[0] : undefined;
    return { models, defaultModel: set || (only?.id ?? null) };
  }

  private async listings(accept: Accepted): Promise<readonly ProviderListing[]> {
    const { generation } = this;
    const listings = await Promise.all(providerIds.map((id) => this.listing(id, accept)));
    if (generation === this.generation) this.last = listings;
    return listings;
  }

  private async listing(id: ProviderId, accept: Accepted): Promise<ProviderListing> {
    const { endpoints, cache, logger } = this.options;
    const base = { id, name: providerTable[id].name };
    try {
      const endpoint = await endpoints.of(id);
      if ('missing' in endpoint) {
        return { status: { ...base, status: endpoint.missing, message: endpoint.message }, models: [] };
      }
      const ask = (signal: AbortSignal, previous?: ProviderListing) => this.ask(endpoint, signal, previous);
      return await cache.fetch(cacheKeyOf(endpoint), ask, { accept });
    } catch (error) {
      if (!(error instanceof CodedError))
        logger.error('Listing the models of a provider failed', { provider: id, error });
      const message = error instanceof CodedError ? error.message : 'Its models could not be listed. See the log.';
      return { status: { ...base, status: 'unreachable', message }, models: [] };
    }
  }

  /** Whoever was given the older answer hears that there is another one. */
  private async ask(endpoint: Endpoint, signal: AbortSignal, previous?: ProviderListing): Promise<ProviderListing> {
    const { fetch, broadcaster } = this.options;
    const listing = await listModels(endpoint, fetch, AbortSignal.any([signal, this.disposed.signal]));
    if (previous && !isDeepStrictEqual(previous, listing)) broadcaster.notifyAll('model/changed', {});
    return listing;
  }
}

/**
 * Another key may see other models. Sixteen bits of its digest tell keys apart, and are too few to find one out from
 * what stands on disk.
 */
function cacheKeyOf({ provider, baseUrl, apiKey }: Endpoint): string {
  return `${provider} ${apiKey === null ? '-' : hash('sha256', apiKey).slice(0, 4)} ${baseUrl}`;
}
