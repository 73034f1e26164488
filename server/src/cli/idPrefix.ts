import { CodedError } from '../../protocol/errors.ts';

/** How things with ids are called in messages. */
export interface ThingNames {
  readonly one: string;
  readonly many: string;
  /** What is said where there are none at all. */
  readonly none: string;
  /** The command that lists them. */
  readonly listedBy: string;
}

/** The one whose id begins with what was typed. Throws `NotFound` for none, `InvalidParams` for several. */
export function findByIdPrefix<T extends { readonly sessionId: string }>(
  things: readonly T[],
  typed: string,
  names: ThingNames,
): T {
  const prefix = typed.toLowerCase();
  const [found, ...others] = things.filter(({ sessionId }) => prefix !== '' && sessionId.startsWith(prefix));
  const shown = typed.slice(0, 40);
  if (!found) {
    const why = things.length === 0 ? names.none : `"${names.listedBy}" shows which are`;
    throw new CodedError('NotFound', `There is no ${names.one} "${shown}"; ${why}.`);
  }
  if (others.length === 0) return found;
  const count = others.length + 1;
  throw new CodedError('InvalidParams', `"${shown}" begins the ids of ${count} ${names.many}. Give more of the id.`);
}
