import type { LogLevel } from '../base/logger.ts';
import { createProcessTable } from '../base/processTable.ts';
import { CodedError } from '../../protocol/errors.ts';
import { createServer } from '../createServer.ts';
import type { AuditEvent } from '../security/audit/auditEvents.ts';
import { checkHostAndOrigin } from '../security/hostGuard.ts';
import { createTokenCheck, ensureTokenFile } from '../security/tokenFile.ts';
import { HttpTransport, type RefusedRequest, type RequestGuard } from '../transports/httpTransport.ts';
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
  const server = createServer({ dataFolder, logger, environment });
  // What the command line says wins over the setting.
  if (options.logLevel === undefined) server.settings.onChanged((settings) => setLevel(settings['log.level']));
  server.configure(handshake, former.state === 'crashed');
  const tokenFile = await ensureTokenFile(dataFolder);
  server.audit.hide(tokenFile.token);
  for (const repair of tokenFile.repairs) {
    logger.warn(repair);
    await server.audit.record({ kind: 'token.changed', outcome: 'replaced', details: { why: repair } });
  }
  const transport = new HttpTransport({
    router: server.router,
    guard: createGuard(tokenFile.token),
    logger,
    health: () => server.health.current(),
    onRefused: (request) => void server.audit.record(refusalEvent(request)),
    host,
    port,
  });
  const url = await transport.listen();
  const address = { url, tokenFile: tokenFile.path, pid: process.pid, instanceId: server.instanceId };
  await record.write(address);
  process.stdout.write(`${JSON.stringify(address)}\n`);
  await signalled();
  transport.dispose();
  await server.dispose();
  await record.remove();
  process.exit(0);
}

/** What the audit log is told of a request that did not come in. Whatever token it showed is not told. */
function refusalEvent({ reason, remoteAddress, ...details }: RefusedRequest): AuditEvent {
  return {
    kind: reason === 'Unauthenticated' ? 'authentication.failed' : 'request.refused',
    outcome: reason,
    by: { kind: 'client', via: 'http', client: remoteAddress },
    details,
  };
}

/** Loopback is no boundary: any web page can reach it, so each request must name us, come from no page, and show the token. */
function createGuard(token: string): RequestGuard {
  const isToken = createTokenCheck(token);
  return {
    checkOrigin(headers, port) {
      const verdict = checkHostAndOrigin(headers, { port, allowedOrigins: [] });
      return verdict === 'ok' ? null : verdict;
    },
    authenticate(authorization) {
      const presented = /^Bearer ([\w-]{1,128})$/.exec(authorization ?? '')?.[1];
      return presented !== undefined && isToken(presented);
    },
  };
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
