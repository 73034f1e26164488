import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Bearer } from '../base/door.ts';
import type { Client } from '../base/handlers.ts';

/** How many connections there may be. */
export interface ConnectionLimits {
  readonly all: number;
  /** That have shown no token yet. */
  readonly strangers: number;
  /** Of one token that is not the owner's. */
  readonly ofGuest: number;
  /** Of all such tokens together. */
  readonly ofGuests: number;
}

/**
 * A thousand WebSockets, as many that are just being opened, and room for calls beside them. A guest gets a quarter, all
 * guests a half, so that the owner has more than a thousand left however many guests there are.
 */
const defaultLimits: ConnectionLimits = { all: 2_200, strangers: 1_000, ofGuest: 550, ofGuests: 1_100 };
/** A stranger has this long to send its headers with a token in them. */
const strangerMs = 10_000;

interface Connection {
  readonly socket: Socket;
  /** The last one that it has shown. */
  bearer: Pick<Bearer, 'tokenId' | 'isOwner'> | undefined;
  /** Against whom its requests count until then. */
  readonly stranger: Pick<Client, 'kind'>;
}

/**
 * Holds down how many connections there are, before anybody has said who they are and afterwards by who they are. Where
 * strangers are too many, or all places are taken, the stranger that has waited longest goes: who opens connections and
 * says nothing keeps out nobody that comes with a token. Who comes with a guest's token keeps out neither other guests
 * nor the owner.
 */
export class ConnectionBudget implements Disposable {
  private readonly clock: Clock;
  private readonly limits: ConnectionLimits;
  private readonly open = new Map<string, Connection>();
  /** The oldest first. */
  private readonly strangers = new Map<Connection, Disposable>();
  /** How many have shown a guest's token, by its id. */
  private readonly guests = new Map<string, number>();

  constructor(clock: Clock, limits = defaultLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  get size(): number {
    return this.open.size;
  }

  /** Counts a connection that was just opened, below TLS; may close it, or another one. */
  accept(socket: Socket): void {
    const key = keyOf(socket);
    // A request that is served anew after an upgrade that was passed over comes on a connection that is known.
    if (this.open.get(key)?.socket === socket) return;
    const connection: Connection = { socket, bearer: undefined, stranger: { kind: 'http' } };
    this.open.set(key, connection);
    this.strangers.set(
      connection,
      this.clock.after(strangerMs, () => socket.destroy()),
    );
    socket.once('close', () => {
      if (this.open.get(key) === connection) this.open.delete(key);
      this.forgetStranger(connection);
      this.leave(connection);
    });
    const { strangers, all } = this.limits;
    if (this.strangers.size > strangers || this.open.size > all) this.sendOldestAway();
  }

  /**
   * The connection that a request came on has shown a token. False: that token, or guests altogether, have as many open as
   * they may; the connection stays whose it was.
   */
  recognize(socket: Socket, bearer: Pick<Bearer, 'tokenId' | 'isOwner'>): boolean {
    const connection = this.open.get(keyOf(socket));
    // It has closed meanwhile: whatever is answered reaches nobody.
    if (!connection) return true;
    if (connection.bearer?.tokenId === bearer.tokenId) return true;
    if (!bearer.isOwner && !this.hasRoomFor(bearer.tokenId)) return false;
    this.leave(connection);
    connection.bearer = bearer;
    if (!bearer.isOwner) this.guests.set(bearer.tokenId, (this.guests.get(bearer.tokenId) ?? 0) + 1);
    this.forgetStranger(connection);
    return true;
  }

  /** Against whom a request counts on a connection that has shown no token; undefined on any other. */
  strangerOn(socket: Socket): Pick<Client, 'kind'> | undefined {
    const connection = this.open.get(keyOf(socket));
    return connection?.bearer ? undefined : connection?.stranger;
  }

  dispose(): void {
    for (const { socket } of [...this.open.values()]) socket.destroy();
  }

  private hasRoomFor(tokenId: string): boolean {
    const all = [...this.guests.values()].reduce((sum, count) => sum + count, 0);
    return (this.guests.get(tokenId) ?? 0) < this.limits.ofGuest && all < this.limits.ofGuests;
  }

  private leave(connection: Connection): void {
    const { bearer } = connection;
    connection.bearer = undefined;
    if (!bearer || bearer.isOwner) return;
    const left = (this.guests.get(bearer.tokenId) ?? 0) - 1;
    if (left > 0) this.guests.set(bearer.tokenId, left);
    else this.guests.delete(bearer.tokenId);
  }

  /** The newcomer itself where all others have shown a token. */
  private sendOldestAway(): void {
    const [oldest] = this.strangers.keys();
    if (!oldest) return;
    this.forgetStranger(oldest);
    oldest.socket.destroy();
  }

  private forgetStranger(connection: Connection): void {
    this.strangers.get(connection)?.dispose();
    this.strangers.delete(connection);
  }
}

/** The same for a connection and for the TLS that is spoken over it, which is another object. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}
