import type { LogLevel } from '../base/logger.ts';
import { systemClock } from '../base/clock.ts';
import { createProcessTable } from '../base/processTable.ts';
import { CodedError, type ErrorReason } from '../../protocol/errors.ts';
import { createServer } from '../createServer.ts';
import { ServerMetrics } from '../metrics/serverMetrics.ts';
import { openApiDocument } from '../../protocol/openApi.ts';
import type { AuditEvent } from '../security/audit/auditEvents.ts';
import { DoorGuard, type DoorRequest } from '../security/door/doorGuard.ts';
import { ensureTokenFile } from '../security/tokens/tokenFile.ts';
import { HttpTransport } from '../transports/httpTransport.ts';
import { prepareDataFolder, resolveDataFolder } from './dataFolder.ts';
import { localHandshake } from './localClient.ts';
import { createProcessLogger } from './processLogger.ts';
import { ServeRecord } from './serveRecord.ts';
import { readSettingsFile } from './settingsFile.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly workspace?: string;
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}

/**
 * Serves HTTP on this machine until SIGINT or SIGTERM. The first line on stdout is JSON and says where. Where one serves
 * this data folder already, its line is printed instead.
 */
export async function runServe(options: ServeOptions): Promise<void> {
  const { host, port } = options;
  if (host !== '127.0.0.1' && host !== '::1') {
    throw new CodedError('Forbidden', `${host} is beyond this machine, which needs TLS. Use 127.0.0.1 or ::1.`);
  }
  const { logger, setLevel } = createProcessLogger(options.logLevel ?? 'info');
  const dataFolder = resolveDataFolder(options.dataDir);
  prepareDataFolder(dataFolder);
  const record = new ServeRecord(dataFolder, createProcessTable());
  const former = await record.former();
  if (former.state === 'running') {
    process.stdout.write(`${JSON.stringify(former.address)}\n`);
    return;
  }
  const environment = { ...process.env };
  const handshake = localHandshake(options.workspace, readSettingsFile(dataFolder, environment, logger));
  const server = createServer({ dataFolder, logger, environment, makesBackups: true });
  // What the command line says wins over the setting.
  if (options.logLevel === undefined) server.settings.onChanged((settings) => setLevel(settings['log.level']));
  server.configure(handshake, former.state === 'crashed');
  const tokenFile = await ensureTokenFile(dataFolder);
  server.audit.hide(tokenFile.token);
  for (const repair of tokenFile.repairs) {
    logger.warn(repair);
    await server.audit.record({ kind: 'token.changed', outcome: 'replaced', details: { why: repair } });
  }
  let openApi: string | undefined;
  const metrics: ServerMetrics = new ServerMetrics(() => ({ ...transport.connections() }));
  server.router.onAnswered((request) => metrics.answered(request));
  const { router, clients, settings, tokens } = server;
  const transport: HttpTransport = new HttpTransport({
    router,
    clients,
    guard: new DoorGuard({
      tokens,
      settings,
      clock: systemClock,
      onRefused(reason, request) {
        metrics.refused(reason);
        void server.audit.record(refusalEvent(reason, request));
      },
    }),
    clock: systemClock,
    logger,
    health: () => server.health.current(),
    metrics: () => metrics.text(),
    openApi: () => (openApi ??= JSON.stringify(openApiDocument())),
    host,
    port,
  });
  const url = await transport.listen();
  const webSocketUrl = `${url.replace(/^http/, 'ws')}/ws`;
  const address = { url, webSocketUrl, tokenFile: tokenFile.path, pid: process.pid, instanceId: server.instanceId };
  await record.write(address);
  process.stdout.write(`${JSON.stringify(address)}\n`);
  await signalled();
  transport.dispose();
  await server.dispose();
  await record.remove();
  process.exit(0);
}

/** What a stranger sends is looked through for secrets before it is kept, which takes time. */
const maxTextChars = 256;

/** What the audit log is told of a request that did not come in. Whatever token it showed is not told. */
function refusalEvent(reason: ErrorReason, request: DoorRequest): AuditEvent {
  const { hosts, origins, remoteAddress, method, path } = request;
  const isAddress = reason === 'BadHost' || reason === 'BadOrigin';
  return {
    kind: isAddress ? 'request.refused' : 'authentication.failed',
    outcome: reason,
    by: { kind: 'client', via: 'http', client: remoteAddress },
    details: {
      method,
      path: path.slice(0, maxTextChars),
      host: hosts.join(', ').slice(0, maxTextChars),
      origin: origins.join(', ').slice(0, maxTextChars),
    },
  };
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
