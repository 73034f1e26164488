import type { ServerState } from '../../../server/protocol/panelBridge.ts';
import type { HealthReport } from './healthMonitor.ts';

/** Why the supervision gave up. `detail` is for the log and for the end of a message. */
export interface ServerFailure {
  readonly kind: 'incompatible' | 'handshakeFailed' | 'crashedTooOften';
  readonly detail: string;
}

/** What is known of the server at one moment. */
export interface ServerStatus {
  readonly state: ServerState;
  /** Rises with each server process that has answered the handshake; 0 before the first. */
  readonly generation: number;
  /** How often a server was started again in this window. */
  readonly restarts: number;
  /** Of the running server, once the handshake has told. */
  readonly version: string | undefined;
  readonly pid: number | undefined;
  /** When the running server answered the handshake, in milliseconds since 1970. */
  readonly readyAt: number | undefined;
  /** The last report of the running server. */
  readonly health: HealthReport | undefined;
  /** Set while `state` is `stopped` because the supervision gave up. */
  readonly failure: ServerFailure | undefined;
}

/** In these states a request can be sent. */
export function isUsable(state: ServerState): boolean {
  return state === 'ready' || state === 'recovered' || state === 'degraded';
}
