import { isSecretName } from './secretNames.ts';

const replacement = '[redacted]';

/**
 * Keys of the well-known providers and forges, bearer tokens, private keys in PEM. Each has an end: a run of ten million
 * characters is more than the engine of the patterns can go back over, and it throws.
 */
const secretValue =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:sk-[\w-]{16,1024}|[sr]k_(?:live|test)_\w{16,1024}|hf_\w{20,1024}|GOCSPX-[\w-]{20,1024}|gh[pousr]_\w{20,1024}|github_pat_\w{20,1024}|glpat-[\w-]{20,1024}|npm_\w{30,1024}|xox[abeoprs]-[\w-]{10,1024}|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[\w-]{35}|Bearer\s{1,64}[\w.~+/-]{16,8192}=*)/g;

/** Our own, wherever they begin: one may stand in the middle of a word. */
const ownToken = /ada_[0-9a-f]{16}_[\w-]{43}/g;

/** Where a JSON web token may begin: `{"` in base64url. Each of its three parts has so many characters at least. */
const webTokenStart = 'eyJ';
const webTokenChars = { header: 13, payload: 10, signature: 5 };

/** A value in quotes or without. */
const value = `(?:"[^"]*"|'[^']*'|[^\\s"'&;|]+)`;
/** What follows a word that names a secret after blanks alone: `password …`. */
const namedValue = new RegExp(
  `((?:api[-_]?key|token|secret|password|passwd|passphrase|private[-_]?key)["']?\\s+(?=["']?[^\\s=:"'-]))${value}`,
  'gi',
);
/** Where a value begins: behind `NAME=`, `"name": ` or `--name `. */
const assigned = /(?<![\w-])(?:--([a-z][\w-]{0,127})[ \t]+(?=[^\s=:-])|-{0,2}([a-z_][\w-]{0,127})["']?\s*[=:]\s*)/gi;
/** With the scheme that stands before it in a header. */
const valueHere = new RegExp(`(?:(?:basic|bearer|digest|token)\\s{1,64})?${value}`, 'iy');
/** Options of well-known programs that give a password, and are something else with others. */
const passwordOptions: readonly { readonly program: RegExp; readonly option: RegExp }[] = [
  {
    program: /\bcurl\b/,
    option: /((?<!\S)(?:-u\s{0,64}|--(?:proxy-)?user(?:=|\s{1,64}))["']?[^\s:"']{0,256}:)[^\s"']+/g,
  },
  { program: /\b(?:mysql|mariadb)/, option: new RegExp(`((?<!\\S)-p)${value}`, 'g') },
  { program: /\bsshpass\b/, option: new RegExp(`((?<!\\S)-p\\s{0,64})${value}`, 'g') },
  { program: /\b(?:docker|podman|helm)\s.{0,64}\blogin\b/, option: new RegExp(`((?<!\\S)-p\\s{0,64})${value}`, 'g') },
  { program: /\bredis-cli\b/, option: new RegExp(`((?<!\\S)-a\\s{1,64})${value}`, 'g') },
];
const urlPassword = /(\b[a-z][a-z\d+.-]{0,31}:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;

/**
 * Replaces what looks like a secret in free text, and every one of `known`. It lowers the damage of a mistake; it is not a
 * security boundary.
 */
export function redact(text: string, known: readonly string[] = []): string {
  const withoutKnown = known.reduce((rest, secret) => rest.replaceAll(secret, replacement), text);
  return withoutWebTokens(withoutKnown.replace(ownToken, replacement).replace(secretValue, replacement));
}

/**
 * Without JSON web tokens. A pattern would read a hostile text anew from each `-eyJ` in it, for a time that grows with its
 * square; here what was read as the first part of one is not read as that of another.
 */
function withoutWebTokens(text: string): string {
  let kept = '';
  let keptTo = 0;
  for (let at = text.indexOf(webTokenStart); at !== -1;) {
    let next = at + webTokenStart.length;
    if (at === 0 || !/[A-Za-z\d]/.test(text.charAt(at - 1))) {
      const headerEnd = partEnd(text, at);
      const payloadEnd = text[headerEnd] === '.' ? partEnd(text, headerEnd + 1) : headerEnd;
      const end = text[payloadEnd] === '.' ? partEnd(text, payloadEnd + 1) : payloadEnd;
      const isToken =
        headerEnd - at >= webTokenChars.header &&
        payloadEnd - headerEnd > webTokenChars.payload &&
        end - payloadEnd > webTokenChars.signature;
      if (isToken) {
        kept += text.slice(keptTo, at) + replacement;
        keptTo = end;
      }
      next = isToken ? end : headerEnd;
    }
    at = text.indexOf(webTokenStart, next);
  }
  return kept + text.slice(keptTo);
}

/** Where the characters of base64url end that begin at `start`. */
function partEnd(text: string, start: number): number {
  let end = start;
  while (isBase64url(text.charCodeAt(end))) end++;
  return end;
}

function isBase64url(code: number): boolean {
  const isDigit = code >= 0x30 && code <= 0x39;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isDigit || isLetter || code === 0x2d || code === 0x5f;
}

/**
 * As `redact`, and more eagerly: what follows a name or a word for a secret goes too, passwords in URLs, and those given to
 * well-known programs. For what is kept for long, where a word too many that is lost does less harm than one that is kept.
 */
export function redactEagerly(text: string, known: readonly string[] = []): string {
  const withoutValues = withoutAssigned(redact(text, known))
    .replace(namedValue, `$1${replacement}`)
    .replace(urlPassword, `$1${replacement}`);
  return passwordOptions.reduce(
    (rest, { program, option }) => (program.test(rest) ? rest.replace(option, `$1${replacement}`) : rest),
    withoutValues,
  );
}

/** Without the values that are given to names of secrets. A value may itself hold names, so only those of secrets are passed. */
function withoutAssigned(text: string): string {
  let kept = '';
  let keptTo = 0;
  assigned.lastIndex = 0;
  for (let found = assigned.exec(text); found; found = assigned.exec(text)) {
    if (!isSecretName(found[1] ?? found[2] ?? '')) continue;
    valueHere.lastIndex = assigned.lastIndex;
    if (!valueHere.test(text)) continue;
    kept += text.slice(keptTo, assigned.lastIndex) + replacement;
    keptTo = assigned.lastIndex = valueHere.lastIndex;
  }
  return kept + text.slice(keptTo);
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
