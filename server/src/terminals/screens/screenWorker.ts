import { parentPort } from 'node:worker_threads';
import { computeScreen, type ComputedScreen, type ScreenJob } from './screenJob.ts';

/** What `ScreenThread` sends: one job at a time. */
export interface ScreenRequest {
  readonly id: number;
  readonly job: ScreenJob;
}

/** What comes back. */
export type ScreenAnswer =
  { readonly id: number; readonly screen: ComputedScreen } | { readonly id: number; readonly failure: string };

// A worker thread of its own (its entry in the build), so that the server answers while output is parsed.
const port = parentPort;
port?.on('message', ({ id, job }: ScreenRequest) => {
  computeScreen(job).then(
    (screen) => {
      const { buffer } = screen.replay;
      port.postMessage({ id, screen } satisfies ScreenAnswer, buffer instanceof ArrayBuffer ? [buffer] : []);
    },
    (error: unknown) => {
      const failure = error instanceof Error ? error.message : String(error);
      port.postMessage({ id, failure } satisfies ScreenAnswer);
    },
  );
});
