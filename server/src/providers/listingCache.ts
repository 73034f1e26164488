import { z } from 'zod';
import { modelInfo, providerStatus } from '../../protocol/model.ts';
import type { ProviderListing } from './modelListing.ts';

/** How long an answer is good for; a failure is asked again soon, since the person may just be mending it. */
const readyForMs = 60_000;
const failedForMs = 3_000;
/** So long an old list is better than none, while it is asked for anew. */
const staleForMs = 24 * 3_600_000;

const stored = z.object({ status: providerStatus, models: z.array(modelInfo) });

/** How the cache keeps the lists of models: on disk too, so that a new server has something to show at once. */
export const listingNamespace = {
  name: 'models',
  weight: 1,
  lifetimeOf: ({ status }: ProviderListing) =>
    status.status === 'ready' ? { freshForMs: readyForMs, staleForMs } : { freshForMs: failedForMs, staleForMs: 0 },
  sizeBytesOf: ({ models }: ProviderListing): number =>
    models.reduce((sum, { id, name }) => sum + 100 + id.length + name.length, 200),
  disk: {
    encode(listing: ProviderListing): Uint8Array | undefined {
      const isForDisk = listing.status.status === 'ready' && !holdsSecret(listing.status.baseUrl);
      return isForDisk ? Buffer.from(JSON.stringify(listing)) : undefined;
    },
    decode(bytes: Uint8Array): ProviderListing | undefined {
      const result = stored.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      return result.success ? result.data : undefined;
    },
  },
};

/** Some write a password or a key into an address; secrets are never written. */
function holdsSecret(baseUrl: string | undefined): boolean {
  if (baseUrl === undefined) return false;
  const { username, password, search } = new URL(baseUrl);
  return username !== '' || password !== '' || search !== '';
}
