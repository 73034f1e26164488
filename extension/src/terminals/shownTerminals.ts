import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { WorkspaceState } from '../../../server/protocol/server.ts';
import type { Clock } from '../base/clock.ts';

/** What a window shows in its terminal panel. */
export interface ShownState {
  /** Ids of our terminals. */
  readonly shown: readonly string[];
  /** The one of ours that was in front last; empty where it was somebody else's. */
  readonly front: string;
}

/** What windows of the same folders left behind when they ended. */
export interface LeftBehind extends ShownState {
  /** Other windows of the same folders that seem to be open, and may yet turn out to have ended. */
  readonly openWindows: number;
  /** To be called when all of it is shown and written: until then it would be found again. */
  taken(): Promise<void>;
}

export interface ShownTerminalsOptions {
  /** For all windows of this person. */
  readonly folder: string;
  readonly workspace: WorkspaceState;
  readonly clock: Pick<Clock, 'now'>;
  /** The process that ends with this window; this one if left out. */
  readonly pid?: number;
}

/** A window that has not renewed its lease for so long counts as gone, though its process may be there. */
export const leaseMs = 30_000;
/** In the place of a process: the window has said that it ends. */
const nobody = 0;
const nothing: ShownState = { shown: [], front: '' };

/**
 * Remembers which terminals a window shows, so that they are shown again after a reload. It stands in a file that is
 * written at once: VS Code saves `workspaceState` with a delay, which a crash or a quick reload does not wait for, and
 * in a browser it belongs to that browser. Each window has a file of its own, whose name tells its folders and its
 * process and whose time is its lease: what an open window shows is not shown, and cannot be closed, in a second one.
 */
export class ShownTerminals {
  private readonly clock: Pick<Clock, 'now'>;
  private readonly pid: number;
  private readonly folder: string;
  private readonly key: string;
  private readonly file: string;
  private writing: Promise<void> = Promise.resolve();
  private isReleased = false;

  constructor({ folder, workspace, clock, pid = process.pid }: ShownTerminalsOptions) {
    this.clock = clock;
    this.pid = pid;
    this.folder = path.join(folder, 'shownTerminals');
    const paths = workspace.folders.map((workspaceFolder) => workspaceFolder.path).sort();
    this.key = createHash('sha256').update(paths.join('\0')).digest('hex').slice(0, 16);
    this.file = this.newName(this.pid);
  }

  /** Claims what windows that have ended have left; of several windows that try, one gets it. */
  async takeOver(): Promise<LeftBehind> {
    const claimed: { readonly file: string; readonly state: ShownState }[] = [];
    let openWindows = 0;
    for (const name of await this.list()) {
      const file = path.join(this.folder, name);
      const pid = this.ownerOf(name);
      if (file === this.file || pid === undefined) continue;
      if (await this.isOpen(file, pid)) {
        openWindows += 1;
        continue;
      }
      const own = await this.claim(file);
      if (own !== undefined) claimed.push({ file: own, state: await readState(own) });
    }
    const states = claimed.map(({ state }) => state);
    return {
      shown: [...new Set(states.flatMap(({ shown }) => shown))],
      front: states.find(({ front }) => front !== '')?.front ?? '',
      openWindows,
      taken: async () => {
        await this.writing;
        for (const { file } of claimed) await fs.rm(file, { force: true });
      },
    };
  }

  /** Replaces what was written before. Writes follow one another. */
  write(state: ShownState): Promise<void> {
    return this.inTurn(() => (this.isReleased ? Promise.resolve() : this.replace(JSON.stringify(state))));
  }

  /** Says that this window is still open; to be called well within `leaseMs`. */
  renew(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.isReleased) await ignoreMissing(this.touch(this.file));
    });
  }

  /** Says that this window ends, so that the next one need not wait. Nothing is written any more. */
  release(): Promise<void> {
    return this.inTurn(async () => {
      this.isReleased = true;
      await ignoreMissing(fs.rename(this.file, this.newName(nobody)));
    });
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const done = this.writing.then(run);
    // The next one is tried whatever became of this one, whose caller has the error.
    this.writing = done.catch(() => undefined);
    return done;
  }

  private newName(pid: number): string {
    return path.join(this.folder, `${this.key}.${pid}-${randomBytes(4).toString('hex')}.json`);
  }

  private async list(): Promise<string[]> {
    return (await ignoreMissing(fs.readdir(this.folder))) ?? [];
  }

  /** The process of the window of the same folders whose file this is; undefined for any other file. */
  private ownerOf(name: string): number | undefined {
    const [, key, pid] = /^([0-9a-f]{16})\.(\d{1,10})-[0-9a-f]{8}\.json$/.exec(name) ?? [];
    return key === this.key ? Number(pid) : undefined;
  }

  private async isOpen(file: string, pid: number): Promise<boolean> {
    // Ours under another name is what we claimed and could not show.
    if (pid === nobody || pid === this.pid || !isRunning(pid)) return false;
    const times = await ignoreMissing(fs.stat(file));
    return times !== undefined && this.clock.now() - times.mtimeMs < leaseMs;
  }

  /** Makes a file ours, with a fresh lease from the first moment; undefined where another window was faster. */
  private async claim(file: string): Promise<string | undefined> {
    const own = this.newName(this.pid);
    const claimed = this.touch(file).then(() => fs.rename(file, own));
    return ignoreMissing(claimed.then(() => own));
  }

  private touch(file: string): Promise<void> {
    const seconds = this.clock.now() / 1000;
    return fs.utimes(file, seconds, seconds);
  }

  private async replace(content: string): Promise<void> {
    await fs.mkdir(this.folder, { recursive: true });
    const temporary = `${this.file}.${randomBytes(4).toString('hex')}`;
    await fs.writeFile(temporary, content);
    await this.touch(temporary);
    await fs.rename(temporary, this.file);
  }
}

/** What a file says; nothing where that cannot be understood. */
async function readState(file: string): Promise<ShownState> {
  try {
    const state = JSON.parse(await fs.readFile(file, 'utf8')) as Partial<ShownState> | null;
    const shown = Array.isArray(state?.shown) ? state.shown.filter((id) => typeof id === 'string') : [];
    return { shown, front: typeof state?.front === 'string' ? state.front : '' };
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return nothing;
    throw error;
  }
}

/** A process that belongs to somebody else is running too. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function ignoreMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
