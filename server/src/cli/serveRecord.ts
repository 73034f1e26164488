import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { z } from 'zod';
import { CodedError } from '../../protocol/errors.ts';
import { writeFileAtomic } from '../base/atomicFile.ts';
import { systemClock } from '../base/clock.ts';
import { nodeFileSystem } from '../base/fileSystem.ts';
import { ensureFolder } from '../base/folders.ts';
import type { Logger } from '../base/logger.ts';
import type { ProcessTable } from '../base/processTable.ts';
import { acquireLock, type ConversationLock } from '../storage/conversationLock.ts';
import { ReleasedClaims } from '../storage/releasedClaims.ts';
import { serveChoices, type ServeChoices } from './serveChoices.ts';

/** What `serve` prints, and what a second `serve` on the same data folder prints in its place. Holds no secret. */
const serveAddress = z.object({
  url: z.string(),
  webSocketUrl: z.string(),
  tokenFile: z.string(),
  pid: z.int(),
  instanceId: z.string(),
});
export type ServeAddress = z.output<typeof serveAddress>;

/** Early versions noted no choices. */
const serveRecord = z.object({ address: serveAddress, choices: serveChoices.optional(), startedAt: z.string() });

/** How the last `serve` of a data folder ended: not yet, without a word, or as it should (or there was none). */
export type FormerServe =
  | { readonly state: 'running'; readonly address: ServeAddress; readonly choices: ServeChoices | undefined }
  | { readonly state: 'crashed' | 'ended' };

/** A start takes a second or two; one that takes longer than this hangs. */
const startLimitMs = 20_000;
const lookEveryMs = 100;

/**
 * The note that a running `serve` leaves in its data folder: where it listens, and that it has not ended yet. Of several that
 * start at once one goes on, which a lock decides that lasts until it ends; the others find its note.
 */
export class ServeRecord {
  private readonly folder: string;
  private readonly file: string;
  private readonly processes: ProcessTable;
  private released: ReleasedClaims | undefined;
  private lock: ConversationLock | undefined;

  constructor(dataFolder: string, processes: ProcessTable) {
    this.folder = path.join(dataFolder, 'servers');
    this.file = path.join(this.folder, 'serve.json');
    this.processes = processes;
  }

  /**
   * Says how the last one ended, and makes this process the one that serves, unless another runs. Waits for one that is
   * starting; throws `Conflict` where that takes longer than 20 s.
   */
  async claim(logger: Logger): Promise<FormerServe> {
    const { processes } = this;
    const fileSystem = nodeFileSystem;
    await ensureFolder(this.folder, fileSystem);
    const released = (this.released = new ReleasedClaims({ fileSystem, clock: systemClock, logger }));
    const deadline = performance.now() + startLimitMs;
    for (;;) {
      this.lock = await acquireLock(this.folder, 'serve', { fileSystem, processes, released });
      const former = await this.former();
      if (former.state === 'running') await this.lock?.release();
      if (former.state === 'running' || this.lock) return former;
      if (performance.now() > deadline) throw stuck();
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  async former(): Promise<FormerServe> {
    const text = await fs.readFile(this.file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return { state: 'ended' };
    const record = parseRecord(text);
    if (!record) return { state: 'crashed' };
    const isAlive = await this.processes.isAlive({ pid: record.address.pid, startedAt: record.startedAt });
    return isAlive ? { state: 'running', address: record.address, choices: record.choices } : { state: 'crashed' };
  }

  async write(address: ServeAddress, choices: ServeChoices): Promise<void> {
    const { startedAt } = await this.processes.self();
    await writeFileAtomic(this.file, JSON.stringify({ address, choices, startedAt }));
  }

  /** Takes back what `write` has noted, and lets another one serve. */
  async remove(): Promise<void> {
    if (await this.lock?.isHeld()) await fs.rm(this.file, { force: true });
    await this.lock?.release();
    await this.released?.close();
  }
}

function stuck(): CodedError {
  return new CodedError(
    'Conflict',
    `Another "serve" has been starting on this data folder for ${startLimitMs / 1_000} s without saying where it is. Stop it, or wait, and try again.`,
  );
}

function parseRecord(text: string): z.output<typeof serveRecord> | undefined {
  try {
    return serveRecord.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
