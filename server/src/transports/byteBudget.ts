import type { Bearer } from '../base/door.ts';

/** How many bytes may be held. */
export interface ByteLimits {
  readonly ofOwner: number;
  /** Of one token that is not the owner's. */
  readonly ofGuest: number;
  /** Of all such tokens together. */
  readonly ofGuests: number;
}

/** Whose bytes they are. */
export type ByteHolder = Pick<Bearer, 'tokenId' | 'isOwner'>;

/** Counts the bytes that are held for each token, over all of its connections. */
export class ByteBudget {
  private readonly limits: ByteLimits;
  private readonly held = new Map<string, number>();
  private ofGuests = 0;

  constructor(limits: ByteLimits) {
    this.limits = limits;
  }

  /** Counts `bytes` more, or fewer where it is negative. */
  add({ tokenId, isOwner }: ByteHolder, bytes: number): void {
    const sum = (this.held.get(tokenId) ?? 0) + bytes;
    if (sum > 0) this.held.set(tokenId, sum);
    else this.held.delete(tokenId);
    if (!isOwner) this.ofGuests += bytes;
  }

  /** Whether more is held for it than may be, or it is a guest and more is held for all guests. */
  isExceededBy({ tokenId, isOwner }: ByteHolder): boolean {
    const sum = this.held.get(tokenId) ?? 0;
    if (isOwner) return sum > this.limits.ofOwner;
    return sum > this.limits.ofGuest || (sum > 0 && this.ofGuests > this.limits.ofGuests);
  }

  /** Whether more than twice as much is held for it as may be. */
  isFarExceededBy({ tokenId, isOwner }: ByteHolder): boolean {
    const { ofOwner, ofGuest } = this.limits;
    return (this.held.get(tokenId) ?? 0) > 2 * (isOwner ? ofOwner : ofGuest);
  }
}
