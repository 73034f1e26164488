import type { SettingKey, Settings } from '../../../protocol/settings.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { retryAfterSeconds, type Bearer, type DoorRefusal, type DoorRequest } from '../../base/door.ts';
import type { TokenStore } from '../tokens/tokenStore.ts';
import { FailedAttempts } from './failedAttempts.ts';
import { checkHostAndOrigin } from './hostGuard.ts';

export interface DoorGuardOptions {
  readonly tokens: Pick<TokenStore, 'authenticate' | 'watch'>;
  readonly settings: { get<K extends SettingKey>(key: K): Settings[K] };
  readonly clock: Clock;
  /** Names and addresses beyond loopback's own under which the listener is reached. */
  readonly allowedHosts?: readonly string[];
  /** Whether the listener speaks TLS, where a Host without a port means another one. */
  readonly isSecure?: boolean;
  /** Told of everybody who is not let in. */
  readonly onRefused: (reason: DoorRefusal['reason'], request: DoorRequest) => void;
}

const addressMessages = {
  BadHost:
    'This server does not answer under that name. Call it as 127.0.0.1, localhost or [::1], with its port, or name yours ' +
    'with --allowed-host NAME when you start it.',
  BadOrigin: 'Web pages of that origin may not call. If you trust it, name it in the setting security.allowedOrigins.',
} as const;

const bearerPattern = /^Bearer +([\w-]{1,128})$/i;
const subprotocolPattern = /^bearer\.([\w-]{1,128})$/;

/**
 * Decides who may come in, at every door alike: Host, then Origin, then the token. Loopback is no boundary: any web page can
 * reach it, so that each request must name us, come from no page that nobody allowed, and show a token.
 */
export class DoorGuard {
  private readonly options: DoorGuardOptions;
  private readonly failures = new FailedAttempts();

  constructor(options: DoorGuardOptions) {
    this.options = options;
  }

  /** Undefined if it names us and comes from nowhere that is refused. Such a refusal counts against nobody. */
  checkAddress(request: DoorRequest): DoorRefusal | undefined {
    const { hosts, origins, port } = request;
    const [host] = hosts;
    // Where a header stands twice, the two ends of a proxy may each believe another one.
    const isAmbiguous = hosts.length !== 1 || origins.length > 1;
    const { settings, allowedHosts = [], isSecure = false } = this.options;
    const rules = { port, allowedHosts, isSecure, allowedOrigins: settings.get('security.allowedOrigins') };
    const verdict = isAmbiguous ? 'BadHost' : checkHostAndOrigin({ host, origin: origins[0] }, rules);
    if (verdict === 'ok') return undefined;
    this.options.onRefused(verdict, request);
    return { reason: verdict, message: addressMessages[verdict] };
  }

  /** Who it is. A right token is let in whatever others have tried. Rejects with `Unavailable` where that cannot be read. */
  async authenticate(request: DoorRequest): Promise<Bearer | DoorRefusal> {
    const shown = shownTokens(request);
    const presented = shown.length === 1 ? shown[0] : undefined;
    const bearer = presented === undefined ? undefined : await this.options.tokens.authenticate(presented);
    if (bearer) return bearer;
    const { clock, settings, onRefused } = this.options;
    const max = settings.get('limits.failedAuthenticationsPer5Minutes');
    const retryAfterMs = this.failures.count(request.remoteAddress, clock.now(), max);
    const reason = retryAfterMs === 0 ? 'Unauthenticated' : 'RateLimited';
    onRefused(reason, request);
    const cause = whyNot(shown);
    if (reason === 'Unauthenticated') return { reason, message: cause };
    const seconds = retryAfterSeconds(retryAfterMs);
    const limit = `Also, ${max} failed attempts came from that address within five minutes: wait ${seconds} s with the next`;
    return { reason, message: `${cause} ${limit}. A right token is let in at any time.`, retryAfterMs };
  }

  /** Calls `onEnded` once when that token is revoked, rotated or expired. */
  watch(bearer: Bearer, onEnded: () => void): Disposable {
    return this.options.tokens.watch(bearer, onEnded);
  }
}

/** Whatever a request shows as its token; undefined in the place of what has not the form of one. */
function shownTokens({ authorizations, subprotocols }: DoorRequest): (string | undefined)[] {
  return [
    ...authorizations.map((header) => bearerPattern.exec(header)?.[1]),
    ...subprotocols.flatMap((name) => (name.startsWith('bearer.') ? [subprotocolPattern.exec(name)?.[1]] : [])),
  ];
}

/** Why what was shown lets nobody in, and what to send. */
function whyNot(shown: readonly (string | undefined)[]): string {
  if (shown.length === 0) return 'No token was sent. Send it as "Authorization: Bearer <token>".';
  if (shown.length > 1) return 'More than one token was sent. Send one, as "Authorization: Bearer <token>".';
  if (shown[0] === undefined) return 'What was sent has not the form "Authorization: Bearer <token>".';
  return 'This token does not hold here: it is wrong, was revoked or replaced, or its time is over.';
}
