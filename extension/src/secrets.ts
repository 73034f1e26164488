import type * as vscode from 'vscode';

const prefix = 'aiDevAssistant.secret.';

/** The secrets of this extension in VS Code's secret storage, by the names that the server uses. */
export class Secrets {
  private readonly storage: vscode.SecretStorage;

  constructor(storage: vscode.SecretStorage) {
    this.storage = storage;
  }

  async get(name: string): Promise<string | null> {
    return (await this.storage.get(prefix + name)) ?? null;
  }

  async set(name: string, value: string): Promise<void> {
    await this.storage.store(prefix + name, value);
  }

  async delete(name: string): Promise<void> {
    await this.storage.delete(prefix + name);
  }

  /** Also told of changes that another window made. */
  onChanged(listener: (name: string) => void): vscode.Disposable {
    return this.storage.onDidChange(({ key }) => {
      if (key.startsWith(prefix)) listener(key.slice(prefix.length));
    });
  }
}
