import type { Disposable } from '../../base/disposable.ts';
import type { PtyHostClient } from './ptyHostClient.ts';
import { PtyHostLauncher, type PtyHostLauncherOptions } from './ptyHostLauncher.ts';

/** The launcher is made when the first terminal is wanted, since only then the settings are known. */
export class LazyPtyHost implements Disposable {
  private readonly options: () => PtyHostLauncherOptions;
  private launcher: PtyHostLauncher | undefined;

  constructor(options: () => PtyHostLauncherOptions) {
    this.options = options;
  }

  client(): Promise<PtyHostClient> {
    this.launcher ??= new PtyHostLauncher(this.options());
    return this.launcher.client();
  }

  /** Before there is a launcher, it is made with what holds then. */
  setKeepAlive(hours: number): void {
    this.launcher?.setKeepAlive(hours);
  }

  dispose(): void {
    this.launcher?.dispose();
  }
}
