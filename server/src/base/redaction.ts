const secretKey = /(?:api[-_]?key|token|secret|password|passwd|passphrase|authorization|cookie|private[-_]?key)$/i;
const replacement = '[redacted]';

/** Keys of the well-known providers and forges, bearer tokens, private keys in PEM. */
const secretValue =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|npm_\w{30,}|xox[abeoprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|Bearer\s+[\w.~+/-]{16,}=*)/g;

/** Our own, wherever they begin: one may stand in the middle of a word. */
const ownToken = /ada_[0-9a-f]{16}_[\w-]{43}/g;

/**
 * What may hold a JSON web token: three parts in base64url with dots between them, the first of which encodes `{"`. Longer than any token, since
 * a run of millions that has no end takes the engine's whole stack.
 */
const dottedRun = /[\w.-]{30,100000}/g;
const webTokenStart = /(?<![A-Za-z\d])eyJ/;
const webTokenChars = { header: 13, payload: 10, signature: 5 };

/** What a command line gives beside a word that names a secret: `TOKEN=…`, `--password …`, `"apiKey": "…"`. */
const namedValue =
  /((?:api[-_]?key|token|secret|password|passwd|passphrase|private[-_]?key)["']?(?:\s*[=:]\s*|\s+(?=["']?[^\s=:"'-])))(?:"[^"]*"|'[^']*'|[^\s"'&;|]+)/gi;
const basicCredentials = /(authorization["']?\s*[=:]\s*["']?(?:basic|digest|token)\s+)[^\s"']+/gi;
const urlPassword = /(\b[a-z][a-z\d+.-]{0,31}:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;

/** Whether the value under a key of this name is a secret. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

/**
 * Replaces what looks like a secret in free text, and every one of `known`. It lowers the damage of a mistake; it is not a
 * security boundary.
 */
export function redact(text: string, known: readonly string[] = []): string {
  const withoutKnown = known.reduce((rest, secret) => rest.replaceAll(secret, replacement), text);
  return withoutKnown
    .replace(ownToken, replacement)
    .replace(secretValue, replacement)
    .replace(dottedRun, withoutWebTokens);
}

/**
 * The parts are looked at one by one: a pattern for the whole would read a hostile text anew from each `-eyJ` in it, for a
 * time that grows with its square.
 */
function withoutWebTokens(run: string): string {
  if (!run.includes('eyJ')) return run;
  const parts = run.split('.');
  const kept: string[] = [];
  for (let index = 0; index < parts.length; index++) {
    const [header = '', payload = '', signature = ''] = parts.slice(index, index + 3);
    const start = header.search(webTokenStart);
    const isToken =
      start !== -1 &&
      header.length - start >= webTokenChars.header &&
      payload.length >= webTokenChars.payload &&
      signature.length >= webTokenChars.signature;
    kept.push(isToken ? header.slice(0, start) + replacement : header);
    if (isToken) index += 2;
  }
  return kept.join('.');
}

/**
 * As `redact`, and more eagerly: what follows a word that names a secret goes too, and passwords in URLs. For what is kept
 * for long, where a word too many that is lost does less harm than one that is kept.
 */
export function redactEagerly(text: string, known: readonly string[] = []): string {
  return redact(text, known)
    .replace(basicCredentials, `$1${replacement}`)
    .replace(namedValue, `$1${replacement}`)
    .replace(urlPassword, `$1${replacement}`);
}

/** Longer than most words, and shorter than most secrets. */
const longRunChars = 32;
const longRun = new RegExp(`[\\w-]{${longRunChars},}`, 'g');
/** Most secrets are no longer; so much goes at a cut. */
const maxSecretChars = 128;

/** Replaces every run of 32 and more characters of base64url: what may be a secret of somebody whom we do not know. */
export function withoutLongRuns(text: string): string {
  return text.replace(longRun, replacement);
}

/**
 * The first `maxChars` of `text`, and up to 128 less where the cut would go through a run of 32 and more characters of
 * base64url: it may be a secret, the half of which no pattern knows.
 */
export function cutBetweenRuns(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  let start = maxChars;
  while (start > maxChars - maxSecretChars && isRunChar(text, start - 1)) start -= 1;
  let end = maxChars;
  while (end - start < longRunChars && isRunChar(text, end)) end += 1;
  const isThroughRun = end > maxChars || isRunChar(text, maxChars);
  return text.slice(0, isThroughRun && end - start >= longRunChars ? start : maxChars);
}

function isRunChar(text: string, at: number): boolean {
  return /[\w-]/.test(text.charAt(at));
}
