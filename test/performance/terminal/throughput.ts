import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { SampleFile } from './sampleFile.ts';
import { BarePeer, editorFlow, OurPeer, sameFlow, type TerminalPeer } from './terminalPeer.ts';

/** A file through a terminal may take so long before the measurement is given up. */
const limitMs = 300_000;
const run = promisify(execFile);

/** MB/s of each peer, one value a round. */
export interface Throughput {
  readonly ours: number[];
  readonly bare: number[];
  readonly editor: number[];
  /** Empty where tmux is not installed. */
  readonly tmux: number[];
  readonly tmuxControl: number[];
}

/** Prints a file in a terminal of each peer in turn, after one uncounted round, and times until the viewer has it all. */
export async function measureThroughput(sample: SampleFile, rounds: number): Promise<Throughput> {
  const peers = {
    ours: await OurPeer.start(),
    bare: await BarePeer.start(sameFlow),
    editor: await BarePeer.start(editorFlow),
  };
  const tmux = TmuxPeer.find();
  const result: Throughput = { ours: [], bare: [], editor: [], tmux: [], tmuxControl: [] };
  try {
    for (let round = 0; round <= rounds; round++) {
      const keep = (times: number[], value: number): unknown => round > 0 && times.push(value);
      for (const name of ['ours', 'bare', 'editor'] as const) {
        keep(result[name], await throughViewer(peers[name], sample));
      }
      if (!tmux) continue;
      keep(result.tmux, await tmux.detached(sample));
      keep(result.tmuxControl, await tmux.controlMode(sample));
    }
  } finally {
    for (const peer of Object.values(peers)) await peer.end();
    tmux?.end();
  }
  return result;
}

/** MB/s of `sample` from the terminal to a viewer that acknowledges at once. */
export async function throughViewer(peer: TerminalPeer, sample: SampleFile): Promise<number> {
  const { ready, finished, listener } = receive(sample.terminalBytes);
  // Without echo, so that what arrives after the ready mark is the file and nothing else.
  const sessionId = await peer.create(`stty -echo; printf R; read -r go; cat '${sample.file}'; exec sleep 600`);
  await peer.watch(sessionId, listener);
  await withLimit(ready, 'the terminal to be ready');
  const startedAt = performance.now();
  await peer.write(sessionId, '\n');
  await withLimit(finished, `${peer.name} to hand on ${sample.terminalBytes} bytes`);
  const ms = performance.now() - startedAt;
  await peer.close(sessionId);
  return megabytesPerSecond(sample, ms);
}

function receive(expectedBytes: number) {
  const ready = Promise.withResolvers<undefined>();
  const finished = Promise.withResolvers<undefined>();
  let received = -1;
  const listener = (data: Uint8Array | string): void => {
    received += data.length;
    if (received >= 0) ready.resolve(undefined);
    if (received >= expectedBytes) finished.resolve(undefined);
  };
  return { ready: ready.promise, finished: finished.promise, listener };
}

/** tmux with a server of its own. Detached it parses everything and shows it to nobody; in control mode it has a viewer. */
class TmuxPeer {
  private readonly socket = `ada-${process.pid}`;

  static find(): TmuxPeer | undefined {
    return spawnSync('tmux', ['-V']).status === 0 ? new TmuxPeer() : undefined;
  }

  async detached(sample: SampleFile): Promise<number> {
    await this.newSession(`read -r go; cat '${sample.file}'; tmux -L ${this.socket} wait-for -S done; exec sleep 600`);
    const startedAt = performance.now();
    await this.tmux('send-keys', '-t', 'measured', 'Enter');
    await this.tmux('wait-for', 'done');
    const ms = performance.now() - startedAt;
    await this.tmux('kill-session', '-t', 'measured');
    return megabytesPerSecond(sample, ms);
  }

  async controlMode(sample: SampleFile): Promise<number> {
    await this.newSession(`stty -echo; read -r go; cat '${sample.file}'; printf '@@@@'; exec sleep 600`);
    const client = spawn('tmux', ['-L', this.socket, '-C', 'attach', '-t', 'measured'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await once(client.stdout, 'data');
      const finished = endMark(client);
      const startedAt = performance.now();
      client.stdin.write('send-keys -t measured Enter\n');
      await withLimit(finished, 'tmux in control mode to hand on everything');
      return megabytesPerSecond(sample, performance.now() - startedAt);
    } finally {
      await this.tmux('kill-session', '-t', 'measured');
      client.kill();
    }
  }

  end(): void {
    spawnSync('tmux', ['-L', this.socket, 'kill-server']);
  }

  private async newSession(script: string): Promise<void> {
    await this.tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      'measured',
      '-x',
      '80',
      '-y',
      '24',
      `/bin/sh -c "${script}"`,
    );
  }

  private async tmux(...args: string[]): Promise<void> {
    await run('tmux', ['-L', this.socket, ...args], { timeout: limitMs });
  }
}

/** Resolves when the client has printed the mark that follows the file. The file does not contain it. */
function endMark(client: ChildProcess): Promise<undefined> {
  const finished = Promise.withResolvers<undefined>();
  client.stdout?.on('data', (data: Buffer) => {
    if (data.includes('@@@@')) finished.resolve(undefined);
  });
  return finished.promise;
}

async function withLimit<T>(promise: Promise<T>, what: string): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(new Error(`Waited ${limitMs / 1000} s in vain for ${what}.`)), limitMs);
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function megabytesPerSecond({ fileBytes }: SampleFile, ms: number): number {
  return fileBytes / 1_000 / ms;
}
