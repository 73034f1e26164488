import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import initSqlJs from 'sql.js';
import { errorCode, nodeFileSystem } from '../../base/fileSystem.ts';
import type { Logger } from '../../base/logger.ts';
import { redact } from '../../base/redaction.ts';
import { IndexEngine, type IndexChanges } from './indexEngine.ts';
import type { IndexMessage, IndexRequest, IndexWorkerData } from './indexMessages.ts';

/** A thread of its own (its entry in the build): holds the index, keeps it up to date, answers questions about it. */
const { dataFolder, wasmFile, ignoreSaved } = workerData as IndexWorkerData;
/** Rows go to the main thread a few at a time, so that it can do other things in between. */
const rowsPerMessage = 200;
const pauseBetweenRowsMs = 1;
const progressEveryMs = 200;

const post = (message: IndexMessage): void => parentPort?.postMessage(message);
let isReady = false;
let isStopping = false;
const working = new Set<Promise<unknown>>();
let catchingUp: Promise<void> | undefined;
let saving: Promise<void> | undefined;
const opened = open();
parentPort?.on('message', (request: IndexRequest) => void answer(request));
work(start()).catch(endThread);

async function start(): Promise<void> {
  const engine = await opened;
  await catchUp();
  isReady = true;
  post({ kind: 'ready', isSaved: engine.startedFrom === 'saved' });
}

async function open(): Promise<IndexEngine> {
  const sqlJs = await initSqlJs({ wasmBinary: toArrayBuffer(await readFile(wasmFile)) });
  return IndexEngine.open({ dataFolder, fileSystem: nodeFileSystem, sqlJs, logger: postingLogger() }, { ignoreSaved });
}

async function answer(request: IndexRequest): Promise<void> {
  const { id } = request;
  try {
    const result = request.method === 'stop' ? await stop() : await work(perform(request));
    post({ kind: 'answer', id, result });
  } catch (error) {
    post({ kind: 'failure', id, error });
    // What the disk refuses is no fault of the index; anything else means that it can no longer be trusted.
    if (errorCode(error) === undefined) endThread(error);
  }
}

/** Remembers what is under way until it is over. */
function work<T>(task: Promise<T>): Promise<T> {
  const settled: Promise<unknown> = task.then(
    () => working.delete(settled),
    () => working.delete(settled),
  );
  working.add(settled);
  return task;
}

/** The main thread learns of it, and starts another one. */
function endThread(error: unknown): void {
  if (isStopping) return;
  setImmediate(() => {
    throw error;
  });
}

async function stop(): Promise<null> {
  isStopping = true;
  (await opened).stop();
  await Promise.all(working);
  return null;
}

async function perform(request: Exclude<IndexRequest, { method: 'stop' }>): Promise<unknown> {
  const engine = await opened;
  switch (request.method) {
    case 'search': {
      const { query, limit, workspace } = request.params;
      return engine.search(query, limit, workspace);
    }
    case 'usage':
      return engine.usage(request.params);
    case 'catchUp': {
      const { changed } = request.params;
      if (changed === undefined) await catchUp();
      else await tellChanges(engine, await engine.catchUpWith(changed));
      return null;
    }
    case 'save':
      saving ??= save(engine).finally(() => (saving = undefined));
      await saving;
      return null;
  }
}

/** Looks at all journals; callers that come meanwhile wait for the same. */
async function catchUp(): Promise<void> {
  catchingUp ??= catchUpNow().finally(() => (catchingUp = undefined));
  await catchingUp;
}

async function catchUpNow(): Promise<void> {
  const engine = await opened;
  const startedAt = performance.now();
  let toldAt = startedAt;
  const changes = await engine.catchUp((done, total) => {
    if (performance.now() - toldAt < progressEveryMs) return;
    toldAt = performance.now();
    post({ kind: 'progress', done, total, sinceMs: toldAt - startedAt });
  });
  await tellChanges(engine, isReady ? changes : { upserted: engine.conversations(), removed: [] });
}

async function tellChanges(engine: IndexEngine, { upserted, removed }: IndexChanges): Promise<void> {
  for (let start = 0; start < upserted.length; start += rowsPerMessage) {
    post({ kind: 'rows', upserted: upserted.slice(start, start + rowsPerMessage), removed: [] });
    await pause(pauseBetweenRowsMs);
  }
  if (removed.length > 0) post({ kind: 'rows', upserted: [], removed });
  tellState(engine);
}

async function save(engine: IndexEngine): Promise<void> {
  post({ kind: 'exporting', isExporting: true });
  try {
    await engine.save(() => post({ kind: 'exporting', isExporting: false }));
  } finally {
    tellState(engine);
  }
}

function tellState(engine: IndexEngine): void {
  post({ kind: 'state', isDirty: engine.isDirty, sizeBytes: engine.sizeBytes });
}

function postingLogger(): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn'): Logger['info'] =>
    (message, fields = {}) =>
      post({ kind: 'log', level, message, fields });
  const logger: Logger = {
    trace: write('debug'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('warn'),
    child: () => logger,
    redacted: (text) => redact(text),
  };
  return logger;
}

function toArrayBuffer(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
