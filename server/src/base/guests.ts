import { toDisposable, type Disposable } from './disposable.ts';
import { mainId } from './door.ts';
import type { Client } from './handlers.ts';

/** The token of a client that has shown one made for others; undefined where the owner is the client. */
export function guestTokenOf({ tokenId }: Pick<Client, 'tokenId'>): string | undefined {
  return tokenId === mainId ? undefined : tokenId;
}

interface GuestPlacesOptions {
  /** Of one token. */
  readonly ofGuest: number;
  /** Of all tokens made for others together. */
  readonly ofGuests: number;
  /** The error for one place too many; `of`: which of the two limits it is. */
  readonly refusal: (of: keyof Pick<GuestPlacesOptions, 'ofGuest' | 'ofGuests'>) => Error;
}

/** Counts what guests take of something that all clients share, so that neither the owner nor other guests go without. */
export class GuestPlaces {
  private readonly options: GuestPlacesOptions;
  private readonly taken = new Map<string, number>();

  constructor(options: GuestPlacesOptions) {
    this.options = options;
  }

  /** A place until it is disposed; the owner's do not count. Throws what `refusal` gives. */
  take(client: Pick<Client, 'tokenId'>): Disposable {
    const token = guestTokenOf(client);
    if (token === undefined) return toDisposable(() => undefined);
    const { ofGuest, ofGuests, refusal } = this.options;
    const own = this.taken.get(token) ?? 0;
    if (own >= ofGuest) throw refusal('ofGuest');
    if ([...this.taken.values()].reduce((sum, count) => sum + count, 0) >= ofGuests) throw refusal('ofGuests');
    this.taken.set(token, own + 1);
    return toDisposable(() => this.leave(token));
  }

  private leave(token: string): void {
    const left = (this.taken.get(token) ?? 0) - 1;
    if (left > 0) this.taken.set(token, left);
    else this.taken.delete(token);
  }
}
