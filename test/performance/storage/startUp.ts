import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { buildProduct } from '../../../scripts/build.ts';
import { distFolder } from '../../../scripts/project.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ForkedServer } from '../forkedServer.ts';
import { summarize } from '../statistics.ts';
import type { Comparison } from './comparison.ts';
import { word, writeManyConversations } from './manyConversations.ts';

const count = 10_000;
/** What a view asks for that names no number. */
const usualLimit = 1_000;
const askedAgain = 20;
/** Every round starts two servers and lists everything: fewer than of what takes microseconds. */
const mostRounds = 7;
const run = promisify(execFile);

/** What one start of a server took: milliseconds, and megabytes. */
interface Start {
  readonly handshakeMs: number;
  readonly residentMb: number;
  readonly firstListMs: number;
  readonly firstSearchMs: number;
  /** Of the newest thousand, as the views ask for them. */
  readonly listMs: number;
  readonly listAllMs: number;
  readonly searchMs: number;
  readonly residentInUseMb: number;
}

/**
 * Starting a server on a data folder with 10,000 conversations, beside the same server on an empty one; listing and
 * searching them, beside what reads the folder and the files anew; building their index, beside reading their journals.
 */
export async function measureStartUp(rounds: number): Promise<Comparison[]> {
  await buildProduct({ minify: true });
  const [many, none] = [temporaryFolder(), temporaryFolder()];
  try {
    writeManyConversations(many.path, count);
    const built = await measureBuilding(many.path, Math.min(rounds, 3));
    // The first start of each keeps compiled code and the index for those that count.
    for (const { path: folder } of [many, none]) await untilKept(folder);
    const starts = { many: [] as Start[], none: [] as Start[] };
    for (let round = 0; round < Math.min(rounds, mostRounds); round += 1) {
      starts.many.push(await start(many.path, count));
      starts.none.push(await start(none.path, 0));
    }
    const bare = await measureBare(many.path, rounds);
    return [built, ...compare(starts, bare)];
  } finally {
    many.remove();
    none.remove();
  }
}

function compare(
  { many, none }: { readonly many: readonly Start[]; readonly none: readonly Start[] },
  bare: { readonly list: readonly number[]; readonly search: readonly number[] },
): Comparison[] {
  const beside = (what: string, key: keyof Start, targets: Partial<Comparison> = {}): Comparison => ({
    what: what.replace('$', count.toLocaleString('en')),
    unit: key.endsWith('Mb') ? 'MB' : 'ms',
    ours: summarize(many.map((each) => each[key])),
    bare: summarize(none.map((each) => each[key])),
    peer: 'empty data folder',
    ...targets,
  });
  const listed = { bare: summarize(bare.list), peer: 'stat of each', targetMost: 50 } as const;
  return [
    beside('fork → handshake answered with $ conversations', 'handshakeMs'),
    beside('memory after that', 'residentMb', { targetMost: 90 }),
    beside('first list of the newest of $ conversations', 'firstListMs'),
    beside('first search after that', 'firstSearchMs'),
    beside('list of the newest of $ conversations', 'listMs', listed),
    beside('list of all $ conversations', 'listAllMs', listed),
    beside('search in $ conversations', 'searchMs', {
      bare: summarize(bare.search),
      peer: 'grep -rl',
      targetMost: 50,
    }),
    beside('memory with all of them listed and searched', 'residentInUseMb', { targetMost: 250 }),
  ];
}

async function start(folder: string, expected: number): Promise<Start> {
  const startedAt = performance.now();
  const server = new ForkedServer(path.join(distFolder, 'server.js'), 'ours', folder);
  try {
    await server.initialize();
    const handshakeMs = performance.now() - startedAt;
    const residentMb = await server.residentMegabytes();
    const list = (limit: number): Promise<number> =>
      timed(() => listIn(server, { cwd: folder, limit }, Math.min(limit, expected)));
    const search = (query: string): Promise<number> => timed(() => searchFor(server, query));
    const firstListMs = await list(usualLimit);
    const firstSearchMs = await search(word(7));
    const [lists, listsOfAll, searches]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < askedAgain; round += 1) {
      lists.push(await list(usualLimit));
      listsOfAll.push(await list(count));
      searches.push(await search(word(round)));
    }
    const [listMs = 0, listAllMs = 0, searchMs = 0] = [lists, listsOfAll, searches].map((all) => summarize(all).median);
    const residentInUseMb = await server.residentMegabytes();
    return { handshakeMs, residentMb, firstListMs, firstSearchMs, listMs, listAllMs, searchMs, residentInUseMb };
  } finally {
    await server.end();
  }
}

async function listIn(server: ForkedServer, params: { cwd: string; limit: number }, expected: number): Promise<void> {
  const { sessions } = await server.connection.sendRequest<{ sessions: unknown[] }>('session/list', params);
  if (sessions.length !== expected) throw new Error(`${sessions.length} of ${expected} conversations were listed.`);
}

/** Whether everything was looked through. */
async function searchFor(server: ForkedServer, query: string): Promise<boolean> {
  const params = { query, limit: 50 };
  return (await server.connection.sendRequest<{ isComplete: boolean }>('conversation/search', params)).isComplete;
}

/** Starts a server and waits until it has kept its index, where there is anything to index. */
async function untilKept(folder: string): Promise<void> {
  const server = new ForkedServer(path.join(distFolder, 'server.js'), 'ours', folder);
  try {
    await server.initialize();
    await waitFor('the index to be built', () => searchFor(server, word(3)), 60_000);
    const file = path.join(folder, 'index.sqlite');
    if (fs.existsSync(path.join(folder, 'conversations'))) {
      await waitFor('the index to be saved', () => fs.existsSync(file), 60_000);
    }
  } finally {
    await server.end();
  }
}

/** From the first question, with no index there, until everything is indexed. */
async function measureBuilding(folder: string, rounds: number): Promise<Comparison> {
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    fs.rmSync(path.join(folder, 'index.sqlite'), { force: true });
    const server = new ForkedServer(path.join(distFolder, 'server.js'), 'ours', folder);
    try {
      await server.initialize();
      ours.push(await timed(() => waitFor('the index to be built', () => searchFor(server, word(3)), 120_000)));
    } finally {
      await server.end();
    }
    bare.push(await timed(() => Promise.resolve(readAll(folder))));
  }
  return {
    what: `index of ${count.toLocaleString('en')} conversations, built anew`,
    unit: 'ms',
    ours: summarize(ours),
    bare: summarize(bare),
    peer: 'readFile + JSON.parse of each',
  };
}

async function measureBare(folder: string, rounds: number): Promise<{ list: number[]; search: number[] }> {
  const [list, search]: [number[], number[]] = [[], []];
  for (let round = 0; round < Math.min(rounds, mostRounds); round += 1) {
    list.push(await timed(() => Promise.resolve(journalsIn(folder).map((file) => fs.statSync(file)))));
    search.push(
      await timed(() =>
        run('grep', ['-rl', '--', word(round), path.join(folder, 'conversations')], { maxBuffer: 1e8 }),
      ),
    );
  }
  return { list, search };
}

function readAll(folder: string): number {
  let events = 0;
  for (const file of journalsIn(folder)) {
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      if (line !== '' && JSON.parse(line.slice(line.indexOf('{'))) !== null) events += 1;
    }
  }
  return events;
}

function journalsIn(folder: string): string[] {
  const root = path.join(folder, 'conversations');
  return fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.journal'))
    .map((name) => path.join(root, name));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
