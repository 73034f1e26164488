import { Worker } from 'node:worker_threads';
import { CodedError } from '../../../protocol/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disposable } from '../../base/disposable.ts';
import { isPartMissing, replacedArguments, replacedText } from '../../base/lateParts.ts';
import type { Logger } from '../../base/logger.ts';
import type { ComputedScreen, ScreenJob } from './screenJob.ts';
import type { ScreenAnswer, ScreenRequest } from './screenWorker.ts';

/** 5,000 lines of 1,000 columns take 60 MB in the terminal library. */
const maxHeapMb = 384;
/** A job takes 0.2 s; one that takes this long is stuck. */
const jobLimitMs = 8_000;
const idleMs = 30_000;
/** More than the terminals that a person can attach at a time. */
const maxWaiting = 256;

export interface ScreenThreadOptions {
  /** The bundle of the worker. */
  readonly workerFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly jobLimitMs?: number;
}

interface Running {
  readonly id: number;
  readonly worker: Worker;
  readonly settle: (outcome: ComputedScreen | Error) => void;
  readonly limit: Disposable;
}

/**
 * Computes screens in a worker thread, one after the other: started when first needed, ended after 30 s without work. A
 * worker that dies or hangs fails the job it had, and the next job gets a new one.
 */
export class ScreenThread implements Disposable {
  private readonly options: ScreenThreadOptions;
  /** Settles when the last of the jobs so far has ended. */
  private last: Promise<undefined> = Promise.resolve(undefined);
  private waiting = 0;
  private worker: Worker | undefined;
  private running: Running | undefined;
  private idle: Disposable | undefined;
  private nextId = 1;
  private isDisposed = false;

  constructor(options: ScreenThreadOptions) {
    this.options = options;
  }

  /**
   * Computes one screen. Rejects with `Unavailable` where the worker fails, takes longer than 8 s or has too much to do,
   * and with `Cancelled` by `signal`, which a job that has begun does not heed.
   */
  async compute(job: ScreenJob, signal?: AbortSignal): Promise<ComputedScreen> {
    if (this.waiting >= maxWaiting) throw unavailable('too many screens are being computed');
    const before = this.last;
    const turn = Promise.withResolvers<undefined>();
    this.last = turn.promise;
    this.waiting++;
    try {
      await before;
      if (this.isDisposed || signal?.aborted) throw cancelled();
      return await this.run(job);
    } finally {
      this.waiting--;
      turn.resolve(undefined);
    }
  }

  dispose(): void {
    this.isDisposed = true;
    this.idle?.dispose();
    this.endWorker(cancelled());
  }

  private run(job: ScreenJob): Promise<ComputedScreen> {
    this.idle?.dispose();
    const worker = (this.worker ??= this.start());
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const settle = (outcome: ComputedScreen | Error): void => {
        this.running?.limit.dispose();
        this.running = undefined;
        if (!this.isDisposed) this.idle = this.options.clock.after(idleMs, () => this.endWorker());
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const limit = this.options.clock.after(this.options.jobLimitMs ?? jobLimitMs, () => {
        this.options.logger.warn('Computing a screen took too long; the worker is ended');
        this.endWorker(unavailable('it took too long'));
      });
      this.running = { id, worker, settle, limit };
      worker.postMessage({ id, job } satisfies ScreenRequest);
    });
  }

  private start(): Worker {
    const worker = new Worker(this.options.workerFile, {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
      // It needs nothing of the server's environment, and it writes nothing.
      env: {},
      stdout: true,
      stderr: true,
    });
    worker.unref();
    for (const stream of [worker.stdout, worker.stderr]) stream.resume();
    worker.on('message', (answer: ScreenAnswer) => this.answered(answer));
    worker.on('error', (error) => this.lost(worker, error));
    worker.on('exit', (code) => this.lost(worker, new Error(`It ended with code ${code}.`)));
    return worker;
  }

  private answered(answer: ScreenAnswer): void {
    if (answer.id !== this.running?.id) return;
    this.running.settle('screen' in answer ? answer.screen : unavailable(answer.failure));
  }

  private lost(worker: Worker, cause: Error): void {
    if (this.worker === worker) this.worker = undefined;
    if (this.running?.worker !== worker) return;
    this.options.logger.warn('The worker that computes screens has failed; the next screen gets a new one', {
      error: cause,
    });
    this.running.settle(
      isPartMissing(cause)
        ? new CodedError('Conflict', replacedText, { args: replacedArguments, cause })
        : unavailable('the worker has failed', cause),
    );
  }

  private endWorker(reason?: Error): void {
    const { worker, running } = this;
    this.worker = undefined;
    if (reason) running?.settle(reason);
    worker?.terminate().catch((error: unknown) => this.options.logger.debug('A worker did not end', { error }));
  }
}

function unavailable(why: string, cause?: unknown): CodedError {
  return new CodedError('Unavailable', `The screen of this terminal could not be computed: ${why}. Try again.`, {
    cause,
  });
}

function cancelled(): CodedError {
  return new CodedError('Cancelled', 'The screen was not computed: the request was cancelled.');
}
