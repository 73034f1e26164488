import type { ConversationId } from '../../../protocol/sessionEvents.ts';
import { createCommandShell, createPlainShell, type CommandShell, type PlainShell } from './commandShell.ts';

const maxShells = 64;

/** The shell of each conversation, which carries folder and variables from command to command. */
export class CommandShells {
  private readonly folder: string;
  private readonly environment: Readonly<Record<string, string | undefined>>;
  /** The least recently used first. */
  private readonly shells = new Map<ConversationId, Promise<CommandShell>>();

  /** `folder` is private to us. */
  constructor(folder: string, environment: Readonly<Record<string, string | undefined>>) {
    this.folder = folder;
    this.environment = environment;
  }

  of(conversationId: ConversationId): Promise<CommandShell> {
    const known = this.shells.get(conversationId);
    const shell = known ?? createCommandShell(this.folder, this.environment);
    this.shells.delete(conversationId);
    this.shells.set(conversationId, shell);
    shell.catch(() => this.shells.delete(conversationId));
    const oldest = this.shells.keys().next();
    if (this.shells.size > maxShells && !oldest.done) {
      const evicted = this.shells.get(oldest.value);
      this.shells.delete(oldest.value);
      void evicted?.then((old) => old.dispose());
    }
    return shell;
  }

  /** One that carries nothing. */
  plain(): Promise<PlainShell> {
    return createPlainShell(this.environment);
  }

  async dispose(): Promise<void> {
    const shells = [...this.shells.values()];
    this.shells.clear();
    await Promise.allSettled(shells.map(async (shell) => (await shell).dispose()));
  }
}
