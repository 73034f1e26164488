import type { Log } from '../../../extension/src/log.ts';
import type { HealthReport } from '../../../extension/src/server/healthMonitor.ts';
import type { RunningServer, ServerExit } from '../../../extension/src/server/runningServer.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { HandshakeAnswer } from '../../../server/protocol/server.ts';
import type { FakeClock } from './fakeClock.ts';

/** Stands in for a server process, which a unit test with a fake clock cannot have: the test says what it does and when. */
export class ScriptedServer implements RunningServer {
  readonly pid = 4711;
  lastMessageAt = 0;
  readonly exited: Promise<ServerExit>;
  readonly handshake: Promise<HandshakeAnswer>;
  killed = 0;
  shutDownRequests = 0;
  hasEnded = false;
  asked = 0;
  readonly requests: string[] = [];
  endsWhenAsked = true;
  private readonly clock: FakeClock;
  private readonly exit = Promise.withResolvers<ServerExit>();
  private readonly answer = Promise.withResolvers<HandshakeAnswer>();
  private readonly health: () => Promise<HealthReport>;

  constructor(clock: FakeClock, health: () => Promise<HealthReport> = () => Promise.resolve(healthReport())) {
    this.clock = clock;
    this.health = health;
    this.exited = this.exit.promise;
    this.handshake = this.answer.promise;
  }

  becomesReady(contractVersion = { major: 1, minor: 0 }): this {
    this.answer.resolve({ version: '1.2.3', instanceId: 'instance', contractVersion });
    return this;
  }

  refuses(error: Error): this {
    this.answer.reject(error);
    return this;
  }

  dies(signal: string | null = 'SIGKILL'): this {
    this.hasEnded = true;
    this.exit.resolve({ code: signal === null ? 1 : null, signal });
    return this;
  }

  request(method: string): Promise<unknown> {
    if (method !== 'server/health') {
      this.requests.push(method);
      return this.exited.then(() => Promise.reject(new CodedError('Unavailable', 'The server has gone.')));
    }
    this.asked += 1;
    const asked = this.health();
    void asked.then(() => (this.lastMessageAt = this.clock.now()));
    return asked;
  }

  notify(): Promise<void> {
    return Promise.resolve();
  }

  onNotification(): { dispose: () => void } {
    return { dispose: () => undefined };
  }

  shutDown(): Promise<void> {
    this.shutDownRequests += 1;
    if (this.endsWhenAsked) this.dies(null);
    return Promise.resolve();
  }

  kill(): void {
    this.killed += 1;
    this.dies('SIGKILL');
  }
}

export function healthReport(status: HealthReport['status'] = 'ready'): HealthReport {
  return { status, version: '1.2.3', uptimeMs: 1, restarts: 0, components: {} };
}

/** A log that keeps its lines. */
export function memoryLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (message: string | Error): void => {
      lines.push(`${level}: ${String(message)}`);
    };
  return {
    lines,
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}
