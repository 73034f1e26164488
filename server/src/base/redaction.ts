const secretKey = /(?:api[-_]?key|token|secret|password|passwd|passphrase|authorization|cookie|private[-_]?key)$/i;
const replacement = '[redacted]';

/** Keys of the well-known providers and forges, bearer tokens, private keys in PEM. */
const secretValue =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|npm_\w{30,}|xox[abeoprs]-[\w-]{10,}|ada_[0-9a-f]{16}_[\w-]{43}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|Bearer\s+[\w.~+/-]{16,}=*)/g;

/**
 * A JSON web token. It is looked for only where a run of its characters begins: else each `-eyJ` in a hostile text would be
 * read to the end of the text, for a time that grows with its square.
 */
const webToken = /(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}/g;

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
  return withoutKnown.replace(secretValue, replacement).replace(webToken, replacement);
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
