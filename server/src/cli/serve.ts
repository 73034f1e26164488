import { systemClock } from '../base/clock.ts';
import type { DoorRequest } from '../base/door.ts';
import type { Logger, LogLevel } from '../base/logger.ts';
import { createProcessTable } from '../base/processTable.ts';
import { CodedError, type ErrorReason } from '../../protocol/errors.ts';
import { createServer } from '../createServer.ts';
import { ServerMetrics } from '../metrics/serverMetrics.ts';
import { openApiDocument } from '../../protocol/openApi.ts';
import type { AuditEvent } from '../security/audit/auditEvents.ts';
import { DoorGuard } from '../security/door/doorGuard.ts';
import { isLoopback, servedHosts, type ServedHosts } from '../security/door/servedHosts.ts';
import { TlsFiles } from '../security/door/tlsFiles.ts';
import { HttpTransport } from '../transports/httpTransport.ts';
import { prepareDataFolder, resolveDataFolder } from './dataFolder.ts';
import { localHandshake } from './localClient.ts';
import { createProcessLogger } from './processLogger.ts';
import { choicesOf, defaultHost, refuseOtherWishes, type ServeWishes } from './serveChoices.ts';
import { ServeRecord } from './serveRecord.ts';
import { SettingsFile } from './settingsFile.ts';
import { terminalOutput } from './terminalOutput.ts';

export interface ServeOptions extends ServeWishes {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
}

/**
 * Serves HTTP, with certificate and key over TLS, until SIGINT or SIGTERM. The first line on stdout is JSON and says where.
 * Where one serves this data folder already, its line is printed instead, or `Conflict` is thrown if it was not started with
 * what is asked for here. Beyond loopback there is TLS or nothing.
 */
export async function runServe(options: ServeOptions): Promise<void> {
  const hosts = hostsOf(options);
  const { logger, setLevel, hidden } = createProcessLogger(options.logLevel ?? 'info');
  const dataFolder = resolveDataFolder(options.dataDir);
  prepareDataFolder(dataFolder);
  const record = new ServeRecord(dataFolder, createProcessTable());
  const former = await record.claim(logger);
  if (former.state === 'running') {
    refuseOtherWishes(options, former);
    terminalOutput.printJson(former.address);
    return;
  }
  const tls = await openTlsFiles(options, hosts, logger);
  const environment = { ...process.env };
  const settingsFile = new SettingsFile(dataFolder, environment, logger);
  const handshake = localHandshake(options.workspace, settingsFile.read());
  const server = createServer({ dataFolder, logger, hidden, environment, makesBackups: true });
  // What the command line says wins over the setting.
  if (options.logLevel === undefined) server.settings.onChanged((settings) => setLevel(settings['log.level']));
  server.configure(handshake, former.state === 'crashed');
  const watching = settingsFile.watch((read) => server.settings.replace(read));
  const tokenFile = await server.tokens.open();
  let openApi: object | undefined;
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
      allowedHosts: hosts.allowedHosts,
      isSecure: tls !== undefined,
      onRefused(reason, request) {
        metrics.refused(reason);
        server.audit.tell(refusalEvent(reason, request));
      },
    }),
    clock: systemClock,
    logger,
    health: () => server.health.current(),
    metrics: () => metrics.text(),
    openApi: (url) => JSON.stringify({ ...(openApi ??= openApiDocument()), servers: [{ url }] }),
    host: hosts.host,
    servedHost: hosts.servedHost,
    port: options.port ?? 0,
    tls,
  });
  const url = await transport.listen();
  const webSocketUrl = `${url.replace(/^http/, 'ws')}/ws`;
  const address = { url, webSocketUrl, tokenFile: tokenFile.path, pid: process.pid, instanceId: server.instanceId };
  await record.write(address, choicesOf(options));
  terminalOutput.printJson(address);
  await signalled();
  watching.dispose();
  transport.dispose();
  tls?.dispose();
  await server.dispose();
  await record.remove();
  process.exit(0);
}

/** Where to listen and under which names. Throws where that is beyond this machine and would not be encrypted. */
function hostsOf(options: ServeOptions): ServedHosts {
  const { host = defaultHost, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CodedError('InvalidParams', 'A certificate and its key go together: name both --tls-cert and --tls-key.');
  }
  if (!isLoopback(host) && tlsCert === undefined) {
    throw new CodedError(
      'Forbidden',
      `${host} is beyond this machine, which needs TLS. Name a certificate and its key with --tls-cert and --tls-key, or use 127.0.0.1 or ::1.`,
    );
  }
  return servedHosts(host, options.allowedHost ?? []);
}

/** The certificate and key that were named; undefined for none. */
async function openTlsFiles(
  { tlsCert, tlsKey }: ServeOptions,
  { servedHost, allowedHosts }: ServedHosts,
  logger: Logger,
): Promise<TlsFiles | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const hosts = [...new Set([servedHost, ...allowedHosts])];
  return TlsFiles.open({ certFile: tlsCert, keyFile: tlsKey, hosts, clock: systemClock, logger });
}

/** What the audit log is told of a request that did not come in. Whatever token it showed is not told. */
function refusalEvent(reason: ErrorReason, request: DoorRequest): AuditEvent {
  const { hosts, origins, remoteAddress, method, path } = request;
  const isAddress = reason === 'BadHost' || reason === 'BadOrigin';
  return {
    kind: isAddress ? 'request.refused' : 'authentication.failed',
    outcome: reason,
    by: { kind: 'client', via: 'http', client: remoteAddress },
    details: { method, path, host: hosts.join(', '), origin: origins.join(', ') },
    isForeign: true,
  };
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
