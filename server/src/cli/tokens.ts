import type { GrantedScope } from '../../protocol/declaration.ts';
import type { ListedToken } from '../../protocol/security.ts';
import type { LogLevel } from '../base/logger.ts';
import { createProcessTable } from '../base/processTable.ts';
import { withLocalServer, type LocalServer } from './localServer.ts';
import { resolveDataFolder } from './dataFolder.ts';
import { createProcessLogger } from './processLogger.ts';
import { ServeRecord } from './serveRecord.ts';
import { terminalOutput } from './terminalOutput.ts';
import { cell, textTable } from './textTable.ts';

export interface TokensOptions {
  readonly dataDir?: string;
  readonly logLevel?: LogLevel;
  readonly json?: true;
}
export interface CreateTokenOptions extends TokensOptions {
  readonly name: string;
  readonly scope: GrantedScope;
  readonly hours: number;
}

const heads = ['ID', 'SCOPE', 'ENDS', 'NAME'];

/** Prints who else may come in, never the tokens themselves. */
export async function listTokens(options: TokensOptions): Promise<void> {
  await withServer(options, async (server) => {
    const { tokens } = await server.call('security/tokens', {});
    if (options.json === true) terminalOutput.printJson({ tokens });
    else terminalOutput.print(textTable([heads, ...tokens.map(rowOf)]));
  });
}

/** Makes a token and prints it, alone on stdout, so that a script can take it from there. */
export async function createToken(options: CreateTokenOptions): Promise<void> {
  await withServer(options, async (server) => {
    const { name, scope, hours } = options;
    const made = await server.call('security/issue', { name, scope, hours });
    terminalOutput.tell(
      `Token ${made.tokenId} with the scope "${scope}"${endOf(made.expiresAt)}. It is not shown again.\n`,
    );
    await sayWhereItHolds(options);
    if (options.json === true) terminalOutput.printJson(made);
    else terminalOutput.print(`${made.token}\n`);
  });
}

/** Tells on stderr which `serve` a token can be shown to. */
async function sayWhereItHolds({ dataDir }: TokensOptions): Promise<void> {
  const serve = await new ServeRecord(resolveDataFolder(dataDir), createProcessTable()).former();
  const where =
    serve.state === 'running'
      ? `It holds at ${serve.address.url} (process ${serve.address.pid})`
      : 'No "serve" runs on this data folder; it holds once one does';
  terminalOutput.tell(`${where}.\n`);
}

/** Replaces a token by a new one, which is printed; that of the data folder stands in its file. */
export async function rotateToken(tokenId: string, options: TokensOptions): Promise<void> {
  await withServer(options, async (server) => {
    const { token, ...made } = await server.call('security/rotate', { tokenId });
    const where = token === undefined ? 'stands in its file' : `is ${made.tokenId}${endOf(made.expiresAt)}`;
    terminalOutput.tell(`The old token holds no more. The new one ${where}.\n`);
    if (options.json === true) terminalOutput.printJson({ ...made, token });
    else if (token !== undefined) terminalOutput.print(`${token}\n`);
  });
}

/** Ends a token. */
export async function revokeToken(tokenId: string, options: TokensOptions): Promise<void> {
  await withServer(options, async (server) => {
    await server.call('security/revoke', { tokenId });
    terminalOutput.print(`Revoked ${tokenId}.\n`);
  });
}

function withServer(
  { dataDir, logLevel = 'warn' }: TokensOptions,
  use: (server: LocalServer) => Promise<void>,
): Promise<void> {
  const { logger } = createProcessLogger(logLevel);
  return withLocalServer({ dataDir, workspace: undefined, logger, startsPtyHost: false }, use);
}

function rowOf({ tokenId, scope, expiresAt, name }: ListedToken): string[] {
  return [tokenId, scope, expiresAt === undefined ? 'never' : new Date(expiresAt).toISOString(), cell(name)];
}

function endOf(expiresAt: number | undefined): string {
  return expiresAt === undefined ? '' : ` until ${new Date(expiresAt).toISOString()}`;
}
