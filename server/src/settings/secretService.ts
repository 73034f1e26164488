import { CodedError } from '../../protocol/errors.ts';
import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/emitter.ts';
import type { Client } from '../base/handlers.ts';
import type { Logger } from '../base/logger.ts';

/** Environment variables that hold a secret outside an editor, by the secret's name. */
const environmentNames: Readonly<Record<string, string>> = {
  'providers.openai.apiKey': 'OPENAI_API_KEY',
  'providers.openaiCompatible.apiKey': 'OPENAI_COMPATIBLE_API_KEY',
};

/**
 * Gives secrets: asked of the attached editor's secret storage when needed and kept in memory until it says that they
 * changed; without an editor, taken from the environment that this process was started with. Never written anywhere.
 */
export class SecretService implements Disposable {
  private readonly environment: Readonly<Record<string, string | undefined>>;
  private readonly memory = new Map<string, Promise<string | null>>();
  /** What `memory` has come to hold, so that it can be kept out of what is written. */
  private readonly values = new Map<string, string>();
  private readonly changed: Emitter<string>;
  private readonly logger: Logger;
  private editor: Client | undefined;

  constructor(environment: Readonly<Record<string, string | undefined>>, logger: Logger) {
    this.environment = environment;
    this.logger = logger;
    this.changed = new Emitter((error) => logger.error('A listener for secrets failed', { error }));
  }

  /** The editor that is attached now, if one is. */
  get attachedEditor(): Client | undefined {
    return this.editor;
  }

  /** From now on secrets are asked of `client`, until it goes. */
  attachEditor(client: Client): void {
    this.editor = client;
    this.memory.clear();
    this.values.clear();
    client.onClosed(() => {
      if (this.editor === client) this.editor = undefined;
    });
  }

  /** The secret, or null if it is not set. */
  async get(name: string): Promise<string | null> {
    const editor = this.editor;
    if (!editor) {
      const value = this.environment[environmentNames[name] ?? ''];
      return value === undefined || value === '' ? null : value;
    }
    const known = this.memory.get(name);
    if (known) return known;
    const asked = editor.request('secret/get', { name }).then((answer) => answer.value);
    this.memory.set(name, asked);
    asked.then(
      (value) => {
        if (value !== null && value !== '' && this.memory.get(name) === asked) this.values.set(name, value);
      },
      (error: unknown) => {
        this.logger.warn('The editor did not give a secret', { name, error });
        if (this.memory.get(name) === asked) this.memory.delete(name);
      },
    );
    return asked;
  }

  /** Whether an editor is attached, which keeps secrets. */
  get canKeep(): boolean {
    return this.editor !== undefined;
  }

  /** Asks the editor to keep a secret. Rejects with `Unsupported` where none is attached. */
  async set(name: string, value: string): Promise<void> {
    if (!this.editor) throw new CodedError('Unsupported', 'Secrets are kept by an editor, and none is attached.');
    await this.editor.request('secret/set', { name, value });
  }

  /** The secrets that are in memory now, the longest first. */
  knownValues(): readonly string[] {
    return [...this.values.values()].sort((a, b) => b.length - a.length);
  }

  /** Drops the copy of `name`. */
  forget(name: string): void {
    this.memory.delete(name);
    this.values.delete(name);
    this.changed.fire(name);
  }

  onChanged(listener: (name: string) => void): Disposable {
    return this.changed.on(listener);
  }

  dispose(): void {
    this.memory.clear();
    this.values.clear();
    this.changed.dispose();
  }
}
