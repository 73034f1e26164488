import { isSecretKey, redactEagerly } from '../../base/redaction.ts';

const maxTextChars = 4_096;
const maxEntries = 64;
const maxDepth = 5;
const maxDetailsChars = 16_384;

/**
 * Facts as they are kept: secrets replaced, texts cut to 4,096 characters, lists and objects to 64 entries and five
 * levels, the whole to 16,384 characters. `known` are secrets that no pattern would find.
 */
export function auditedDetails(
  details: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Record<string, unknown> {
  const kept = Object.fromEntries(
    Object.entries(details)
      .slice(0, maxEntries)
      .map(([key, value]) => [auditedText(key, known), keptValue(key, value, { known, depth: 1 })]),
  );
  const json = JSON.stringify(kept);
  if (json.length <= maxDetailsChars) return kept;
  return { cut: `${json.slice(0, maxDetailsChars / 2)}… (${json.length} characters)` };
}

/** One text as it is kept. */
export function auditedText(text: string, known: readonly string[], maxChars = maxTextChars): string {
  // A secret is found before the cut, which could leave the half of one that no pattern knows.
  const clean = redactEagerly(text, known).toWellFormed();
  return clean.length <= maxChars ? clean : `${clean.slice(0, maxChars).toWellFormed()}… (${clean.length} characters)`;
}

function keptValue(
  key: string,
  value: unknown,
  { known, depth }: { readonly known: readonly string[]; readonly depth: number },
): unknown {
  if (value === undefined || value === null) return null;
  if (isSecretKey(key)) return '[redacted]';
  switch (typeof value) {
    case 'string':
      return auditedText(value, known);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'object':
      break;
    default:
      return `(${typeof value})`;
  }
  if (depth >= maxDepth) return '(too deep)';
  const inner = { known, depth: depth + 1 };
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((item) => keptValue('', item, inner));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxEntries)
      .map(([name, item]) => [auditedText(name, known), keptValue(name, item, inner)]),
  );
}
