import type { WorkspaceState } from '../../protocol/server.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';

/** Which folders are open, and whether the person trusts them. Nothing is trusted until somebody says so. */
export class WorkspaceService implements Disposable {
  private readonly changed: Emitter<WorkspaceState>;
  private current: WorkspaceState = { folders: [], trusted: false };

  constructor(logger: Logger) {
    this.changed = new Emitter((error) => logger.error('A workspace listener failed', { error }));
  }

  get state(): WorkspaceState {
    return this.current;
  }

  /** Absolute paths of the open folders. */
  get folders(): readonly string[] {
    return this.current.folders.map((folder) => folder.path);
  }

  /** How the editor starts its own terminals. */
  get terminals(): WorkspaceState['terminals'] {
    return this.current.terminals;
  }

  replace(state: WorkspaceState): void {
    this.current = state;
    this.changed.fire(state);
  }

  onChanged(listener: (state: WorkspaceState) => void): Disposable {
    return this.changed.on(listener);
  }

  dispose(): void {
    this.changed.dispose();
  }
}
