import { settingsSnapshot, type Settings } from '../../server/protocol/settings.ts';
import { ClientRegistry } from '../../server/src/base/clientRegistry.ts';
import { systemClock, type Clock } from '../../server/src/base/clock.ts';
import type { Bearer } from '../../server/src/base/door.ts';
import { RateLimiter } from '../../server/src/rpc/rateLimiter.ts';
import { Router, type HandlerTable } from '../../server/src/rpc/router.ts';
import { DoorGuard } from '../../server/src/security/door/doorGuard.ts';
import { HttpTransport, type HttpTransportOptions } from '../../server/src/transports/httpTransport.ts';
import { recordingLogger } from './recordingLogger.ts';

export interface InProcessDoorOptions extends Partial<Pick<HttpTransportOptions, 'openApi' | 'times'>> {
  readonly handlers: HandlerTable;
  readonly settings?: Partial<Settings>;
  /** By which calls are counted. */
  readonly limitClock?: Clock;
  /** By which everything else is timed. */
  readonly clock?: Clock;
}

/** The owner disposes of `transport`. */
export interface InProcessDoor {
  readonly transport: HttpTransport;
  readonly url: URL;
  /** Whom everybody is told to that something has changed. */
  readonly clients: ClientRegistry;
  /** Ends a token that somebody is connected with, by the token. */
  readonly watched: ReadonlyMap<string, () => void>;
  /** What was logged. */
  readonly log: readonly string[];
}

/**
 * Opens the HTTP door of the server with its guard, limits and router in this process, so that a test can move its time.
 * Every text is a token of a guest of that name, who may read.
 */
export async function openInProcessDoor(options: InProcessDoorOptions): Promise<InProcessDoor> {
  const { handlers, clock = systemClock, limitClock = systemClock } = options;
  const settings = { ...settingsSnapshot.parse({}), ...options.settings };
  const source = { get: <K extends keyof Settings>(key: K) => settings[key] };
  const { logger, lines } = recordingLogger();
  const clients = new ClientRegistry();
  const watched = new Map<string, () => void>();
  const tokens = {
    authenticate: (presented: string): Promise<Bearer> =>
      Promise.resolve({ tokenId: presented, name: presented, scope: 'read', isOwner: false, digest: presented }),
    watch: ({ tokenId }: Bearer, onEnded: () => void) => {
      watched.set(tokenId, onEnded);
      return { dispose: () => watched.delete(tokenId) };
    },
  };
  const limiter = new RateLimiter(source, limitClock);
  const transport = new HttpTransport({
    ...{ clients, clock, logger, host: '127.0.0.1', servedHost: '127.0.0.1', port: 0 },
    guard: new DoorGuard({ tokens, settings: source, clock: limitClock, onRefused: () => undefined }),
    router: new Router({ handlers, limiter, logger, clock, instanceId: 'i' }),
    health: () => ({ status: 'ready' }),
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
    openApi: options.openApi ?? (() => '{}'),
    ...(options.times === undefined ? {} : { times: options.times }),
  });
  return { transport, clients, watched, log: lines, url: new URL(await transport.listen()) };
}
