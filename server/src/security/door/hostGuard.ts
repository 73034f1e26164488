/** The headers that say whom a request is meant for and which page sent it, as Node gives them. */
export interface GuardedHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

export interface GuardRules {
  /** The port that is listened on. */
  readonly port: number;
  /** Origins of web pages that may call, as `https://example.org`. `null` and wildcards never match. */
  readonly allowedOrigins: readonly string[];
  /** Host names beyond loopback's own, for a listener that is reached under another name. */
  readonly allowedHosts?: readonly string[];
  /** Over TLS a Host without a port means 443. */
  readonly isSecure?: boolean;
}

const loopbackHosts = ['127.0.0.1', 'localhost', '[::1]'];
const hostPattern = /^(\[[\da-f:.]+\]|[\w.-]+?)\.?(?::(0|[1-9]\d{0,4}))?$/i;
const defaultPorts = { http: 80, https: 443 };

/**
 * Refuses what a web page could send to a listener on loopback: a Host that is not ours (DNS rebinding), and an Origin
 * that nobody allowed. Programs that are no browsers send no Origin. It says nothing about who may do what: that is the
 * token's part.
 */
export function checkHostAndOrigin(headers: GuardedHeaders, rules: GuardRules): 'ok' | 'BadHost' | 'BadOrigin' {
  if (!isOurHost(headers.host, rules)) return 'BadHost';
  if (headers.origin === undefined) return 'ok';
  const origin = normalizedOrigin(headers.origin);
  const allowed = origin !== undefined && rules.allowedOrigins.some((entry) => normalizedOrigin(entry) === origin);
  return allowed ? 'ok' : 'BadOrigin';
}

function isOurHost(host: string | undefined, { port, allowedHosts = [], isSecure = false }: GuardRules): boolean {
  const match = hostPattern.exec(host ?? '');
  if (match === null) return false;
  const name = (match[1] ?? '').toLowerCase();
  const defaultPort = isSecure ? defaultPorts.https : defaultPorts.http;
  if (Number(match[2] ?? defaultPort) !== port) return false;
  return [...loopbackHosts, ...allowedHosts].some((allowed) => allowed.toLowerCase() === name);
}

/** Scheme, host and port in one form, or undefined for what is no origin of a web page (`null`, `*`, a path). */
function normalizedOrigin(text: string): string | undefined {
  if (!/^[a-z][\w+.-]*:\/\/[^/?#@\s]+\/?$/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  // Schemes that the URL standard does not know, as an editor's own, have the origin `null`: compare their parts.
  return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin;
}
