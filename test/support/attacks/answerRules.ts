import type { IncomingHttpHeaders } from 'node:http';

/** What stands on every answer, so that no browser renders, guesses at, frames, keeps or shares anything of it. */
export const requiredHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** What is wrong with the headers of an answer: one that misses, one that lets pages in, one that tells what we run on. */
export function headerProblems(headers: IncomingHttpHeaders): string[] {
  const missing = Object.entries(requiredHeaders)
    .filter(([name, value]) => headers[name] !== value)
    .map(([name]) => `${name} is ${headers[name] === undefined ? 'missing' : 'another'}`);
  const tooMuch = Object.keys(headers).filter((name) =>
    /^access-control-|^server$|^x-powered-by$|^set-cookie$/.test(name),
  );
  return [...missing, ...tooMuch.map((name) => `${name} is there`)];
}

/** What a stack looks like in a text: a line of one, or a place in a source. */
const stackPattern = /^\s*at .+[:(]\d+|\bnode:internal\b|\.(?:ts|js|cjs|mjs):\d+:\d+/m;

/** What of `secrets` (by what they are) or of a stack stands in a text. */
export function leaksIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  const found = Object.entries(secrets)
    .filter(([, value]) => value !== '' && text.includes(value))
    .map(([name]) => name);
  return stackPattern.test(text) ? [...found, 'a stack'] : found;
}
