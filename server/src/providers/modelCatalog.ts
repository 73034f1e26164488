import { CodedError } from '../../protocol/errors.ts';
import type { ModelInfo, ProviderStatus } from '../../protocol/model.ts';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { Endpoints, providerIds, providerTable, type ProviderId } from './endpoints.ts';
import { listModels, type ProviderListing } from './modelListing.ts';
import type { Broadcaster, HttpFetch, SettingsSource } from './ports.ts';

/** How long an answer is good for; a failure is asked again soon, since the person may just be mending it. */
const readyForMs = 60_000;
const failedForMs = 3_000;

export interface ModelCatalogOptions {
  readonly endpoints: Endpoints;
  readonly settings: SettingsSource;
  readonly fetch: HttpFetch;
  readonly broadcaster: Broadcaster;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ModelList {
  readonly models: ModelInfo[];
  readonly defaultModel: string | null;
}

interface Remembered {
  readonly listings: readonly ProviderListing[];
  readonly goodUntil: number;
}

/** Knows which models can be reached. Answers are remembered for a short time, and asked for once at a time. */
export class ModelCatalog implements Disposable {
  private readonly options: ModelCatalogOptions;
  private readonly disposed = new AbortController();
  private remembered: Remembered | undefined;
  private asking: Promise<readonly ProviderListing[]> | undefined;
  private generation = 0;

  constructor(options: ModelCatalogOptions) {
    this.options = options;
  }

  /** Lists the reachable models, and the one that is used where none is named. */
  async list(refresh = false): Promise<ModelList> {
    return this.toList(await this.listings(refresh));
  }

  /** Says of each provider whether it can be used. */
  async status(refresh = false): Promise<ProviderStatus[]> {
    return (await this.listings(refresh)).map((listing) => listing.status);
  }

  /** What is known now, waiting at most `waitMs` if that is nothing or old. */
  async known(waitMs: number): Promise<ModelList> {
    const listings = this.listings(false);
    let timer: Disposable | undefined;
    const waited = new Promise<readonly ProviderListing[]>((resolve) => {
      timer = this.options.clock.after(waitMs, () => resolve(this.remembered?.listings ?? []));
    });
    try {
      return this.toList(await Promise.race([listings, waited]));
    } finally {
      timer?.dispose();
    }
  }

  /** Forgets what was answered, because settings or keys changed, and tells the clients. */
  invalidate(): void {
    this.generation++;
    this.remembered = undefined;
    this.asking = undefined;
    this.options.broadcaster.notifyAll('model/changed', {});
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

  private listings(refresh: boolean): Promise<readonly ProviderListing[]> {
    const { clock } = this.options;
    if (!refresh && this.remembered && this.remembered.goodUntil > clock.now()) {
      return Promise.resolve(this.remembered.listings);
    }
    this.asking ??= this.ask(this.generation);
    return this.asking;
  }

  private async ask(generation: number): Promise<readonly ProviderListing[]> {
    const listings = await Promise.all(providerIds.map((id) => this.askProvider(id)));
    if (generation === this.generation) {
      this.asking = undefined;
      const allWell = listings.every(({ status }) => status.status !== 'unreachable' && status.status !== 'rejected');
      this.remembered = { listings, goodUntil: this.options.clock.now() + (allWell ? readyForMs : failedForMs) };
    }
    return listings;
  }

  private async askProvider(id: ProviderId): Promise<ProviderListing> {
    const { endpoints, fetch, logger } = this.options;
    const base = { id, name: providerTable[id].name };
    try {
      const endpoint = await endpoints.of(id);
      if ('missing' in endpoint) {
        return { status: { ...base, status: endpoint.missing, message: endpoint.message }, models: [] };
      }
      return await listModels(endpoint, fetch, this.disposed.signal);
    } catch (error) {
      if (!(error instanceof CodedError))
        logger.error('Listing the models of a provider failed', { provider: id, error });
      const message = error instanceof CodedError ? error.message : 'Its models could not be listed. See the log.';
      return { status: { ...base, status: 'unreachable', message }, models: [] };
    }
  }
}
