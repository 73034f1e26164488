import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { leaksIn } from '../../support/attacks/answerRules.ts';
import { openToOthers } from '../../support/attacks/fileModes.ts';
import { childrenOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import type { AttackedServer } from './attackedServer.ts';
import type { Attack } from './findings.ts';

const run = promisify(execFile);
const isLinux = process.platform === 'linux';
/** Where alone these may stand: the file that is there to hold it. */
const keepers: Readonly<Record<string, string>> = { token: 'the token of the data folder' };

/** What another user of this machine, or somebody in the same network, could find. After the server was used. */
export function machineAttacks(server: AttackedServer, bundle: string): Attack[] {
  return [
    {
      attack: 'files and folders that others may read',
      expected: 'none',
      run: () => listed(openToOthers(server.dataFolder)),
    },
    { attack: 'secrets in files of the data folder', expected: 'none', run: () => listed(secretsInFiles(server)) },
    {
      attack: 'secrets in the log, at its most talkative',
      expected: 'none',
      run: () => {
        if (server.log.length === 0) throw new Error('the server has logged nothing');
        const { secrets } = server;
        return listed(Promise.resolve(Object.keys(secrets).filter((name) => server.log.includes(secrets[name] ?? ''))));
      },
    },
    ...(isLinux ? onLinux(server) : []),
    {
      attack: 'a connection to any address of this machine in the network',
      expected: 'nobody listens',
      run: async () => {
        const results = await Promise.all(
          addressesBeyondLoopback().map((address) => triedAt(address, Number(server.port))),
        );
        return results.find((result) => result !== 'nobody listens') ?? 'nobody listens';
      },
    },
    {
      attack: 'a start that would listen on every address, without TLS',
      expected: 'refused',
      run: async () => {
        const args = [bundle, 'serve', '--host', '0.0.0.0', '--data-dir', path.join(server.workspace, 'other')];
        // Where it starts after all, the limit ends it.
        const failed = await run(process.execPath, args, { timeout: 10_000 }).then(
          () => undefined,
          (error: unknown) => error as { code?: number | null; stdout: string },
        );
        return typeof failed?.code === 'number' && failed.stdout === '' ? 'refused' : 'it listens';
      },
    },
  ];
}

function onLinux(server: AttackedServer): Attack[] {
  const pids = (): number[] => {
    const hosts = ptyHostsOf(server.dataFolder);
    return [server.http.child.pid ?? 0, ...hosts, ...hosts.flatMap(childrenOf)];
  };
  return [
    {
      attack: 'secrets on the command line of the server, the pty host and the shells',
      expected: 'none',
      run: () => listed(secretsInProcesses(server, pids(), 'cmdline')),
    },
    {
      attack: 'secrets in the environment of the pty host and the shells',
      expected: 'none',
      run: () => listed(secretsInProcesses(server, pids().slice(1), 'environ')),
    },
    {
      attack: 'ports that are listened on',
      expected: 'one, on loopback',
      run: async () => {
        const listening = (await Promise.all(pids().map(listeningOf))).flat();
        const [only] = listening;
        const isLoopback = only?.address === '0100007F' || only?.address === `${'0'.repeat(24)}01000000`;
        return listening.length === 1 && isLoopback
          ? 'one, on loopback'
          : listening.map(({ address }) => address).join();
      },
    },
  ];
}

/** Names of files below the data folder with what they hold and should not. */
async function secretsInFiles(server: AttackedServer): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(server.dataFolder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(server.dataFolder, file);
    const text = await readFile(file, 'latin1');
    for (const [what, secret] of Object.entries(server.secrets))
      if (text.includes(secret) && keepers[name] !== what) found.push(`${what} in ${name}`);
  }
  return found;
}

async function secretsInProcesses(
  server: AttackedServer,
  pids: readonly number[],
  file: 'cmdline' | 'environ',
): Promise<string[]> {
  if (pids.length < 2) throw new Error('there is no pty host or no shell to look at');
  const found: string[] = [];
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/${file}`, 'latin1');
    for (const what of leaksIn(text, server.secrets).filter((leak) => leak !== 'a stack'))
      found.push(`${what} of ${pid}`);
  }
  return found;
}

/** The TCP sockets that a process listens on, as `/proc` names their addresses. */
async function listeningOf(pid: number): Promise<{ readonly address: string }[]> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(ignoreGone)),
  );
  const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link ?? '')?.[1] ?? []));
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8')));
  return tables.flatMap((table) =>
    table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      // Column 3 is the state, of which 0A is listening; column 9 the inode.
      .filter((columns) => columns[3] === '0A' && own.has(columns[9] ?? ''))
      .map((columns) => ({ address: (columns[1] ?? '').split(':')[0] ?? '' })),
  );
}

/** A descriptor of this process that was closed meanwhile. */
function ignoreGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

function addressesBeyondLoopback(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0)
    .map(({ address }) => address);
}

function triedAt(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 5_000 });
    const end = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end('somebody listens'));
    for (const event of ['error', 'timeout']) socket.once(event, () => end('nobody listens'));
  });
}

async function listed(found: Promise<readonly string[]>): Promise<string> {
  const all = await found;
  return all.length === 0 ? 'none' : [...all].sort().join('; ');
}
