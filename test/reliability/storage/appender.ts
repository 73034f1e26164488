import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../../support/eventually.ts';

const startLimitMs = 20_000;

/** A process that appends to conversations, and what it said of that. */
export class Appender {
  output = '';
  /** What it logged: shown where something was not as expected. */
  errors = '';
  readonly process: ChildProcess;
  private readonly closed: Promise<unknown>;

  constructor(program: string, dataFolder: string, round: number, conversations: readonly string[]) {
    const child = spawn(process.execPath, [program, dataFolder, String(round), ...conversations], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (data: Buffer) => (this.output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (this.errors += data.toString()));
    this.process = child;
    this.closed = once(child, 'close');
  }

  /** Resolves once it has acknowledged something. */
  async begun(): Promise<void> {
    await eventually('something is acknowledged', () => this.output.includes('acknowledged'), startLimitMs);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.closed;
  }

  async ended(): Promise<void> {
    await this.closed;
  }

  /** What was acknowledged of a conversation: the texts by their numbers. */
  acknowledged(conversation: string): Map<number, string> {
    const lines = this.output.matchAll(/^acknowledged (\S+) (\d+) (.*)\n/gm);
    return new Map(
      Array.from(lines).flatMap(([, id, sequence, text]) =>
        id === conversation ? [[Number(sequence), text ?? ''] as const] : [],
      ),
    );
  }
}
