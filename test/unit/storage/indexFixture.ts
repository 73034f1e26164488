import { readFileSync, renameSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import initSqlJs, { type SqlJsStatic } from 'sql.js';
import { listBundles } from '../../../scripts/bundles.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import {
  ConversationIndex,
  type ConversationIndexOptions,
} from '../../../server/src/storage/index/conversationIndex.ts';
import { IndexEngine } from '../../../server/src/storage/index/indexEngine.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { StorageFixture } from './storageFixture.ts';

const root = path.resolve(import.meta.dirname, '../../..');
export const wasmFile = path.join(root, 'node_modules/sql.js/dist/sql-wasm.wasm');
const bundle = path.join(root, 'test-output/unit/indexWorker.js');

let bundling: Promise<string> | undefined;

/** The thread of the index as it is shipped: one file, which starts quicker than its many sources. */
export function bundleWorker(): Promise<string> {
  bundling ??= buildWorker();
  return bundling;
}

async function buildWorker(): Promise<string> {
  const worker = listBundles().find(({ name }) => name === 'indexWorker');
  if (worker === undefined) throw new Error('There is no bundle indexWorker');
  // Several processes of a test may build it at the same time.
  const outfile = bundle.replace('.js', `-${process.pid}.js`);
  await build({ ...worker.options, absWorkingDir: root, entryPoints: [worker.entry], outfile, bundle: true });
  renameSync(outfile, bundle);
  return bundle;
}

let loading: Promise<SqlJsStatic> | undefined;

/** sql.js, loaded once for all tests of a process. */
export function loadSqlJs(): Promise<SqlJsStatic> {
  loading ??= initSqlJs({ wasmBinary: new Uint8Array(readFileSync(wasmFile)).buffer });
  return loading;
}

/** A data folder of a test's own, with indexes of it: bare ones in this thread, and whole ones in threads of theirs. */
export class IndexFixture extends StorageFixture {
  readonly logged = recordingLogger();
  readonly progress: [number, number][] = [];
  readonly troubles: (string | undefined)[] = [];
  private readonly engines: IndexEngine[] = [];
  private readonly indexes: ConversationIndex[] = [];

  async engine(
    parts: { fileSystem?: FileSystem; dataFolder?: string; ignoreSaved?: boolean } = {},
  ): Promise<IndexEngine> {
    const { fileSystem = nodeFileSystem, dataFolder = this.dataFolder, ignoreSaved = false } = parts;
    const sqlJs = await loadSqlJs();
    const { logger } = this.logged;
    const engine = await IndexEngine.open({ dataFolder, fileSystem, sqlJs, logger }, { ignoreSaved });
    this.engines.push(engine);
    return engine;
  }

  /** An engine that has caught up with the journals. */
  async caughtUp(parts: { fileSystem?: FileSystem; dataFolder?: string } = {}): Promise<IndexEngine> {
    const engine = await this.engine(parts);
    await engine.catchUp(() => undefined);
    return engine;
  }

  index(parts: Partial<ConversationIndexOptions> = {}): ConversationIndex {
    const index = new ConversationIndex({
      dataFolder: this.dataFolder,
      workerFile: bundle,
      wasmFile,
      clock: systemClock,
      logger: this.logged.logger,
      onProgress: (done, total) => this.progress.push([done, total]),
      onTrouble: (message) => this.troubles.push(message),
      ...parts,
    });
    this.indexes.push(index);
    return index;
  }

  override async close(): Promise<void> {
    await super.close();
    await Promise.all(this.indexes.splice(0).map((index) => index.dispose()));
    for (const engine of this.engines.splice(0)) engine.close();
  }
}

/** What an engine knows, in a form that two of them can be compared by. */
export function contentOf(engine: IndexEngine, words: readonly string[]): unknown {
  const byId = (a: { conversationId: string }, b: { conversationId: string }): number =>
    a.conversationId < b.conversationId ? -1 : 1;
  const hitsOf = (word: string): string[] =>
    engine
      .search(word, 500, undefined)
      .map((hit) => `${hit.conversation.conversationId} ${hit.kind} ${hit.sequence}`)
      .sort();
  return {
    conversations: engine.conversations().sort(byId),
    hits: words.map((word) => [word, hitsOf(word)]),
    usage: engine.usage({ fromDay: '0000', toDay: '9999', workspace: undefined }),
  };
}
