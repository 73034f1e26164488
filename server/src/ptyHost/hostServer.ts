import { createServer, type Server, type Socket } from 'node:net';
import { chmodSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { toDisposable, type Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/logger.ts';
import { encodeControl } from '../ptyProtocol/frames.ts';
import { writeHostRecord, type HostRecord } from '../ptyProtocol/hostRecord.ts';
import { clientSilenceLimitMs } from '../ptyProtocol/limits.ts';
import { ClientConnection, type ClientContext } from './clientConnection.ts';
import { CheckpointTurns } from './checkpointTurns.ts';
import { KeepAliveWishes } from './keepAliveWishes.ts';
import type { Session } from './session.ts';
import type { SessionTable } from './sessionTable.ts';

/** Connections at once, those in the handshake included. More are hung up on. */
export const maxClients = 64;
/** How often the socket's place and the clients' silence are looked at. */
const checkIntervalMs = 5_000;
const isWindows = process.platform === 'win32';

/** What the server needs; the lock on the data folder is held already. */
export interface HostServerOptions {
  /** Path of the Unix socket or name of the pipe. */
  readonly address: string;
  readonly recordFile: string;
  readonly readToken: ClientContext['readToken'];
  readonly welcome: ClientContext['welcome'];
  readonly sessions: SessionTable;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Listens for clients where the record says, and goes on doing so even if the socket is deleted under it. */
export class HostServer {
  private readonly wishes = new KeepAliveWishes<ClientConnection>();
  private readonly checkpointTurns = new CheckpointTurns<Session, ClientConnection>();
  private readonly options: HostServerOptions;
  private readonly clients = new Set<ClientConnection>();
  private readonly listeners: Disposable[];
  private server: Server | undefined;
  private boundInode: bigint | undefined;
  private nextCheck: Disposable = toDisposable(() => undefined);
  private lastCheckMs = performance.now();
  private isClosed = false;

  constructor(options: HostServerOptions) {
    this.options = options;
    const { changes, marks, checkpointsDue } = options.sessions;
    this.listeners = [
      changes.on((change) => this.clients.forEach((client) => client.notify('sessionsChanged', change))),
      marks.on((marked) => this.clients.forEach((client) => client.notify('marked', marked))),
      checkpointsDue.on((session) => this.askForCheckpoint(session)),
    ];
  }

  /** After so long without any client, idle shells end. */
  get keepAliveHours(): number {
    return this.wishes.hours;
  }

  /** Clients that have proved themselves. */
  get openClients(): number {
    return [...this.clients].filter((client) => client.isOpen).length;
  }

  /** Binds and writes the record. Rejects where the address cannot be bound. */
  async start(): Promise<void> {
    await this.bind();
    this.checkLater();
  }

  /** Hangs up on everybody and takes socket and record away. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.nextCheck.dispose();
    for (const listener of this.listeners) listener.dispose();
    for (const client of this.clients) client.close();
    await closeServer(this.server);
    await fs.rm(this.options.recordFile, { force: true });
  }

  private async bind(): Promise<void> {
    const { address, recordFile, welcome } = this.options;
    // The lock is ours, so whatever lies at the address belongs to a host that has ended.
    if (!isWindows) await fs.rm(address, { force: true });
    const server = createServer((socket) => this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.options.log.error('The socket of the pty host failed', { error }));
    this.server = server;
    if (!isWindows) {
      chmodSync(address, 0o600);
      this.boundInode = await readInode(address);
    }
    const record: HostRecord = { address, pid: welcome.pid, startedAtMs: welcome.startedAtMs };
    await writeHostRecord(recordFile, record);
  }

  private accept(socket: Socket): void {
    if (this.isClosed || this.clients.size >= maxClients) return this.turnAway(socket);
    const { readToken, welcome, sessions, log } = this.options;
    const client = new ClientConnection(socket, {
      readToken,
      welcome,
      sessions,
      log,
      onKeepAlive: (from, hours) => this.wishes.set(from, hours),
      onTyped: (from, typed) => {
        for (const other of this.clients) if (other !== from) other.notify('typed', typed);
      },
      onClosed: (closed) => {
        this.clients.delete(closed);
        this.wishes.delete(closed);
      },
    });
    this.clients.add(client);
  }

  /** One client is enough, and one that reads the session anyway cares most about it; the next where it leaves none. */
  private askForCheckpoint(session: Session): void {
    const open = [...this.clients].filter((client) => client.isOpen);
    const readers = open.filter((client) => client.subscriptions.reads(session));
    const candidates = [...readers, ...open.filter((client) => !readers.includes(client))];
    const { ring, checkpointOffset } = session.output;
    const chosen = this.checkpointTurns.choose(session, checkpointOffset, candidates);
    const producedBytes = ring.end;
    chosen?.notify('checkpointDue', { sessionId: session.sessionId, producedBytes });
  }

  private turnAway(socket: Socket): void {
    const message = this.isClosed ? 'The pty host is ending.' : `The pty host serves ${maxClients} clients already.`;
    this.options.log.warn('A client was turned away', { message });
    socket.on('error', () => undefined);
    socket.end(encodeControl({ refused: { code: 'ResourceLimit', message } }));
    socket.destroySoon();
  }

  private checkLater(): void {
    this.nextCheck = this.options.clock.after(checkIntervalMs, () => {
      this.letGoOfSilentClients();
      this.restoreAddress()
        .catch((error: unknown) => this.options.log.error('The socket could not be restored; trying again', { error }))
        .finally(() => {
          if (!this.isClosed) this.checkLater();
        });
    });
  }

  /** A client that hangs would else keep its terminals paused for ever. */
  private letGoOfSilentClients(): void {
    const nowMs = performance.now();
    // After a sleep of the machine everybody was silent.
    const wasAsleep = nowMs - this.lastCheckMs > 2 * checkIntervalMs;
    this.lastCheckMs = nowMs;
    for (const client of this.clients) {
      if (wasAsleep) client.lastReceivedMs = nowMs;
      if (nowMs - client.lastReceivedMs <= clientSilenceLimitMs) continue;
      this.options.log.warn('A client has been silent for too long and was let go', { limitMs: clientSilenceLimitMs });
      client.close();
    }
  }

  /** Temporary folders are swept, and people delete what they do not know. */
  private async restoreAddress(): Promise<void> {
    if (isWindows || this.isClosed) return;
    const isInPlace = (await readInode(this.options.address)) === this.boundInode;
    if (isInPlace && (await readInode(this.options.recordFile)) !== undefined) return;
    this.options.log.warn('The socket or its record has vanished; binding again', { address: this.options.address });
    // Node unlinks the address as it closes the listening socket, so the old one goes before the new one comes.
    await closeServer(this.server);
    this.server = undefined;
    await this.bind();
  }
}

/** Stops listening. Connections live on, so the server's own `close` callback would come too late. */
async function closeServer(server: Server | undefined): Promise<void> {
  if (!server?.listening) return;
  server.close();
  await new Promise((resolve) => setImmediate(resolve));
}

async function readInode(file: string): Promise<bigint | undefined> {
  try {
    return (await fs.stat(file, { bigint: true })).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
