import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { WorkspaceState } from '../../../server/protocol/server.ts';

/** What a window shows in its terminal panel. */
export interface ShownState {
  /** Ids of our terminals. */
  readonly shown: readonly string[];
  /** The one of ours that was in front last; empty where it was somebody else's. */
  readonly front: string;
}

const nothing: ShownState = { shown: [], front: '' };

/**
 * Remembers which terminals a window shows, so that they are shown again after a reload. It stands in a file that is
 * written at once: VS Code saves `workspaceState` with a delay, which a crash or a quick reload does not wait for, and
 * in a browser it belongs to that browser. Windows are told apart by their folders.
 */
export class ShownTerminals {
  private readonly file: string;
  private writing: Promise<void> = Promise.resolve();

  constructor(folder: string, { folders }: WorkspaceState) {
    const paths = folders.map((workspaceFolder) => workspaceFolder.path).sort();
    const key = createHash('sha256').update(paths.join('\0')).digest('hex').slice(0, 16);
    this.file = path.join(folder, 'shownTerminals', `${key}.json`);
  }

  /** What was written last; nothing where that cannot be understood. */
  async read(): Promise<ShownState> {
    try {
      const state = JSON.parse(await fs.readFile(this.file, 'utf8')) as Partial<ShownState> | null;
      const shown = Array.isArray(state?.shown) ? state.shown.filter((id) => typeof id === 'string') : [];
      return { shown, front: typeof state?.front === 'string' ? state.front : '' };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return nothing;
      throw error;
    }
  }

  /** Replaces what was written before. Writes follow one another. */
  write(state: ShownState): Promise<void> {
    const written = this.writing.then(() => this.replace(JSON.stringify(state)));
    // The next one is tried whatever became of this one, whose caller has the error.
    this.writing = written.catch(() => undefined);
    return written;
  }

  private async replace(content: string): Promise<void> {
    await fs.mkdir(path.dirname(this.file), { recursive: true });
    const temporary = `${this.file}.${randomBytes(4).toString('hex')}`;
    await fs.writeFile(temporary, content);
    await fs.rename(temporary, this.file);
  }
}
