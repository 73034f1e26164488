import { isIP, isIPv6 } from 'node:net';
import { CodedError } from '../../../protocol/errors.ts';

/** Addresses that mean every address of the machine. */
const everyAddress = ['0.0.0.0', '::', '[::]'];
const namePattern = /^(?!-)[a-z\d-]{1,63}(?:\.[a-z\d-]{1,63})*$/;
const maxNameChars = 253;

/** Where a listener stands, and under which names it is reached. */
export interface ServedHosts {
  /** To listen on. */
  readonly host: string;
  /** As in a URL: an IPv6 address stands in brackets. */
  readonly servedHost: string;
  /** What may stand in the header Host beyond the names of loopback. */
  readonly allowedHosts: readonly string[];
}

/** Whether nobody beyond this machine can reach who listens there. */
export function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === '::1';
}

/**
 * What follows from the host that was named for the listener, and the names that were `allowed` beside it. Where every
 * address is listened on, the first of these is the one to be told. Throws `InvalidParams` for what is no host.
 */
export function servedHosts(host: string, allowed: readonly string[]): ServedHosts {
  const names = allowed.map(asInUrl);
  const isEvery = everyAddress.includes(host);
  const own = isEvery ? names[0] : asInUrl(host);
  if (own === undefined) {
    throw new CodedError(
      'InvalidParams',
      `${host} means every address of this machine. Say with --allowed-host NAME under which name clients reach it.`,
    );
  }
  return {
    host: bareAddress(host),
    servedHost: own,
    allowedHosts: isEvery || isLoopback(host) ? names : [own, ...names],
  };
}

/** An IPv6 address without the brackets that it has in a URL. */
function bareAddress(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}

function asInUrl(host: string): string {
  const bare = bareAddress(host);
  // A browser writes an address in its shortest form, and so it is told and compared.
  if (isIPv6(bare) && !bare.includes('%')) return new URL(`http://[${bare}]`).hostname;
  const name = host.toLowerCase();
  const isName = name.length <= maxNameChars && namePattern.test(name) && !/^[\d.]+$/.test(name);
  if (isIP(name) === 4 || isName) return name;
  throw new CodedError(
    'InvalidParams',
    `"${host}" is no name or address of a host. Name one without scheme and port, such as box.example or 192.0.2.7.`,
  );
}
