import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { waitFor } from '../../support/waitFor.ts';
import { sampleLines } from './sampleFile.ts';
import { BarePeer, OurPeer, sameFlow } from './terminalPeer.ts';

const scrollbackLines = 5_000;

/** Milliseconds and bytes until a viewer has everything that a terminal shows. */
export interface Attachment {
  readonly ms: number[];
  bytes: number;
}

export interface Attachments {
  readonly ours: Attachment;
  /** The raw output once more over JSON-RPC: what a server without a screen of its own can do at best. */
  readonly raw: Attachment;
  /** `tmux capture-pane` of the same lines, with colours. */
  readonly tmux: Attachment;
}

/** Attaches again and again to a terminal that has printed 5,000 coloured lines. `file` is written for it. */
export async function measureAttach(rounds: number, file: string): Promise<Attachments> {
  const text = sampleLines(scrollbackLines);
  writeFileSync(file, text);
  const script = `cat '${file}'; exec sleep 600`;
  const printed = text.length + scrollbackLines;
  const ours = await OurPeer.start();
  const bare = await BarePeer.start(sameFlow);
  const tmux = TmuxPane.open(script);
  const result: Attachments = { ours: { ms: [], bytes: 0 }, raw: { ms: [], bytes: 0 }, tmux: { ms: [], bytes: 0 } };
  try {
    const sessionId = await ours.create(script);
    await waitFor('the lines to be printed', () => hasPrinted(ours, sessionId, printed));
    for (let round = 0; round <= rounds; round++) {
      const one = await attachOnce(ours, sessionId, printed);
      const raw = await replayOnce(bare, file, printed);
      const captured = await tmux?.capture();
      // The first one of each is not counted.
      if (round === 0) continue;
      note(result.ours, one);
      note(result.raw, raw);
      if (captured) note(result.tmux, captured);
    }
  } finally {
    await ours.end();
    await bare.end();
    tmux?.end();
  }
  return result;
}

interface Once {
  readonly ms: number;
  readonly bytes: number;
}

function note(attachment: Attachment, { ms, bytes }: Once): void {
  attachment.ms.push(ms);
  attachment.bytes = bytes;
}

async function hasPrinted(peer: OurPeer, sessionId: string, bytes: number): Promise<boolean> {
  const { terminals } = await peer.connection.sendRequest<{
    terminals: { sessionId: string; producedBytes: number }[];
  }>('terminal/list', {});
  return terminals.some((terminal) => terminal.sessionId === sessionId && terminal.producedBytes === bytes);
}

async function attachOnce(peer: OurPeer, sessionId: string, end: number): Promise<Once> {
  const complete = Promise.withResolvers<undefined>();
  let received = 0;
  let wanted = Infinity;
  const check = (): void => {
    if (received >= wanted) complete.resolve(undefined);
  };
  const startedAt = performance.now();
  const answer = await peer.attach(sessionId, (data) => {
    received += data.length;
    check();
  });
  wanted = end - answer.fromOffset;
  check();
  await complete.promise;
  const ms = performance.now() - startedAt;
  await peer.connection.sendRequest('terminal/detach', { sessionId });
  return { ms, bytes: received + (answer.screen?.data.byteLength ?? 0) };
}

/** A bare server has nothing kept: it is given the same bytes to send, held back until the viewer asks. */
async function replayOnce(peer: BarePeer, file: string, expected: number): Promise<Once> {
  const ready = Promise.withResolvers<undefined>();
  const complete = Promise.withResolvers<undefined>();
  let received = -1;
  const sessionId = await peer.create(`stty -echo; printf R; read -r go; cat '${file}'; exec sleep 600`);
  await peer.watch(sessionId, (data) => {
    received += data.length;
    ready.resolve(undefined);
    if (received >= expected) complete.resolve(undefined);
  });
  await ready.promise;
  const startedAt = performance.now();
  await peer.write(sessionId, '\n');
  await complete.promise;
  const ms = performance.now() - startedAt;
  await peer.close(sessionId);
  return { ms, bytes: received };
}

class TmuxPane {
  private readonly socket = `ada-attach-${process.pid}`;

  static open(script: string): TmuxPane | undefined {
    if (spawnSync('tmux', ['-V']).status !== 0) return undefined;
    const pane = new TmuxPane();
    pane.tmux('-f', '/dev/null', 'start-server', ';', 'set', '-g', 'history-limit', String(scrollbackLines));
    pane.tmux('new-session', '-d', '-x', '80', '-y', '24', `/bin/sh -c "${script}"`);
    return pane;
  }

  async capture(): Promise<Once> {
    await waitFor('tmux to have the lines', () => this.tmux('capture-pane', '-p').includes('004999'));
    const startedAt = performance.now();
    const text = this.tmux('capture-pane', '-e', '-p', '-S', `-${scrollbackLines}`);
    return { ms: performance.now() - startedAt, bytes: text.length };
  }

  end(): void {
    spawnSync('tmux', ['-L', this.socket, 'kill-server']);
  }

  private tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.socket, ...args], { encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024 });
  }
}
