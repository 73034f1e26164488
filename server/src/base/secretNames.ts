/** Words that a secret goes by. Those at the end of a longer word count too: `PGPASSWORD`, `authtoken`. */
const secretEnd =
  /(?:apikey|token|secret|password|passwd|passphrase|authorization|cookie|privatekey|secretkey|accesskey)$/;
/** Words that name a secret only where they stand alone: not in `bypass`, `author` or `path`. */
const secretWords = new Set(['pass', 'pat', 'auth', 'credential', 'credentials']);
/** Words that do so behind another one: `STORAGE_KEY`, `DB_PWD`; a `key` or `PWD` alone is none. */
const secretBehindOthers = new Set(['key', 'pwd']);
/** Keys and such that everybody may know, and the folder before this one. */
const harmlessBefore = new Set([
  ...['public', 'primary', 'foreign', 'sort', 'partition', 'group', 'cache', 'workspace', 'setting', 'hot', 'old'],
]);
/** Where a name ends so, it is not the secret itself: a path (`SSH_AUTH_SOCK`), an id, or something else that is told about it. */
const aboutSecret = new Set([
  ...[
    'id',
    'ids',
    'name',
    'type',
    'method',
    'user',
    'file',
    'path',
    'dir',
    'folder',
    'url',
    'uri',
    'host',
    'port',
    'server',
  ],
  ...[
    'sock',
    'socket',
    'length',
    'size',
    'count',
    'limit',
    'budget',
    'ttl',
    'expiry',
    'algorithm',
    'provider',
    'helper',
  ],
]);

/** Whether the value under a key of this name is a secret: a name that ends in a word for one. */
export function isSecretKey(key: string): boolean {
  const words = wordsOf(key);
  return isSecretWord(words, words.length - 1);
}

/**
 * As `isSecretKey`, and wherever in the name the word stands (`SECRET_KEY_BASE`), unless the name ends in what is only about the
 * secret. For names that others give, as those of variables and options.
 */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  return !aboutSecret.has(words.at(-1) ?? '') && words.some((_, index) => isSecretWord(words, index));
}

/** A value of the environment that is shorter is more likely a word than a secret. */
const shortestSecretChars = 8;

/** The values of the variables whose names are those of secrets. */
export function secretsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value = '']) =>
    value.length >= shortestSecretChars && isSecretName(name) ? [value] : [],
  );
}

function isSecretWord(words: readonly string[], index: number): boolean {
  const word = words[index] ?? '';
  const before = words[index - 1];
  if (secretWords.has(word) || secretEnd.test(word)) return true;
  return secretBehindOthers.has(word) && before !== undefined && !harmlessBefore.has(before);
}

/** Parts of a name between `_`, `-` and other signs, and where capitals begin one; numbers at the end are no part of it. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$2 ')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .map((word) => word.replace(/\d{1,9}$/, ''))
    .filter((word) => word !== '');
}
