import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../base/atomicFile.ts';
import type { ProcessTable } from '../base/processTable.ts';
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

/** The note that a running `serve` leaves in its data folder: where it listens, and that it has not ended yet. */
export class ServeRecord {
  private readonly file: string;
  private readonly processes: ProcessTable;

  constructor(dataFolder: string, processes: ProcessTable) {
    this.file = path.join(dataFolder, 'servers', 'serve.json');
    this.processes = processes;
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
    await fs.mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const { startedAt } = await this.processes.self();
    await writeFileAtomic(this.file, JSON.stringify({ address, choices, startedAt }));
  }

  async remove(): Promise<void> {
    await fs.rm(this.file, { force: true });
  }
}

function parseRecord(text: string): z.output<typeof serveRecord> | undefined {
  try {
    return serveRecord.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
