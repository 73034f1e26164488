import * as vscode from 'vscode';
import type { Clock } from '../../extension/src/base/clock.ts';
import { toDisposable } from '../../extension/src/base/disposable.ts';

const limitMs = 25_000;
const probeMs = 20;

/** Waits for a condition, and says which one did not come about. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`After ${limitMs / 1000} s it is still not so that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, probeMs));
  }
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Time that passes `factor` times as fast, for waits that would take a test minutes. */
export function fastClock(factor: number): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * factor,
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs / factor);
      return toDisposable(() => clearTimeout(timer));
    },
  };
}

const popupFunctions = ['showErrorMessage', 'showWarningMessage', 'showInformationMessage'] as const;

/** Sees every message that is shown through this extension's view of VS Code, and lets it be shown. */
export class PopupCounter {
  readonly shown: string[] = [];
  private readonly restore: (() => void)[] = [];

  constructor() {
    const window = vscode.window as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of popupFunctions) {
      const original = window[name]!;
      window[name] = (...args) => {
        this.shown.push(String(args[0]));
        return original.apply(window, args);
      };
      this.restore.push(() => (window[name] = original));
    }
  }

  dispose(): void {
    for (const restore of this.restore) restore();
  }
}
