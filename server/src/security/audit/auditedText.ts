import { cutBetweenRuns, redactEagerly, withoutLongRuns } from '../../base/redaction.ts';
import { isSecretKey } from '../../base/secretNames.ts';

const maxTextChars = 4_096;
const maxForeignChars = 256;
const maxEntries = 64;
const maxDepth = 5;
const maxDetailsChars = 16_384;

/** How texts are kept. */
export interface TextRules {
  /** Secrets that no pattern would find. */
  readonly known: readonly string[];
  /**
   * A stranger's own words, of which 256 characters are enough, and from which also goes what could be the token of a server
   * that is not this one.
   */
  readonly isForeign?: boolean;
}

/**
 * Facts as they are kept: secrets replaced, texts cut to 4,096 characters, lists and objects to 64 entries and five
 * levels, the whole to 16,384 characters.
 */
export function auditedDetails(details: Readonly<Record<string, unknown>>, rules: TextRules): Record<string, unknown> {
  const kept = Object.fromEntries(
    Object.entries(details)
      .slice(0, maxEntries)
      .map(([key, value]) => [auditedText(key, rules), keptValue(key, value, { rules, depth: 1 })]),
  );
  const json = JSON.stringify(kept);
  if (json.length <= maxDetailsChars) return kept;
  return { cut: `${cutBetweenRuns(json, maxDetailsChars / 2).toWellFormed()}… (${json.length} characters)` };
}

/** One text as it is kept. */
export function auditedText(text: string, { known, isForeign = false }: TextRules, maxChars = maxTextChars): string {
  // A secret is found before the cut, which could leave the half of one that no pattern knows.
  const redacted = redactEagerly(text, known).toWellFormed();
  const clean = isForeign ? withoutLongRuns(redacted) : redacted;
  const most = isForeign ? Math.min(maxChars, maxForeignChars) : maxChars;
  return clean.length <= most ? clean : `${cutBetweenRuns(clean, most).toWellFormed()}… (${clean.length} characters)`;
}

function keptValue(
  key: string,
  value: unknown,
  { rules, depth }: { readonly rules: TextRules; readonly depth: number },
): unknown {
  if (value === undefined || value === null) return null;
  if (isSecretKey(key)) return '[redacted]';
  switch (typeof value) {
    case 'string':
      return auditedText(value, rules);
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
  const inner = { rules, depth: depth + 1 };
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((item) => keptValue('', item, inner));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxEntries)
      .map(([name, item]) => [auditedText(name, rules), keptValue(name, item, inner)]),
  );
}
