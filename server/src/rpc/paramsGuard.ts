import { CodedError } from '../../protocol/errors.ts';

/** Deeper than any message of the contract; far below where recursive code runs out of stack. */
export const maxNesting = 64;
/** A message of a million small values takes a schema seconds to check, so it is refused first. */
export const maxValues = 200_000;

/**
 * Refuses params that could harm the code that looks at them next: nesting beyond 64 levels, more than 200,000 values,
 * or a key `__proto__`. Walks without recursion, so that no input can exhaust the stack.
 */
export function guardParams(params: unknown): void {
  let level: unknown[] = [params];
  let values = 1;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxNesting) throw invalid(`params are nested deeper than ${maxNesting} levels`);
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
      const children = Array.isArray(value) ? value : Object.values(value);
      if (!Array.isArray(value) && Object.hasOwn(value, '__proto__'))
        throw invalid('the key "__proto__" is not allowed');
      values += children.length;
      if (values > maxValues) throw invalid(`params hold more than ${maxValues} values`);
      for (const child of children) next.push(child);
    }
    level = next;
  }
}

function invalid(what: string): CodedError {
  return new CodedError('InvalidParams', `The request was not run: ${what}.`);
}
