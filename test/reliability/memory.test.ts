import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { serverFlags } from '../../extension/src/server/serverFlags.ts';
import type { ResultOf } from '../../server/protocol/contract.ts';
import type { ConversationId } from '../../server/protocol/sessionEvents.ts';
import { StdioServer } from '../support/stdioServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { turnUpdates, writeConversations } from '../support/writtenConversations.ts';

/** So small that it is nearly full with all conversations open, and so small that it is full before they are. */
const [tightMegabytes, shortMegabytes] = [280, 200];
/** Of the ones that fill the memory nearly, and of those after them, with which it is approached in small steps. */
const [largeChars, smallChars] = [10_000_000, 3_000_000];
/** Each on pages of its own: of shorter ones V8 cannot lay a part of each page full, and the limit is reached before it is used. */
const messageChars = 200_000;
const conversationCount = 31;
/** Nothing of what was said before is sent again, so that the conversations alone fill the memory. */
const fromSequenceOf = (number: number): number => 4 * turnsOf(number) + 1;
/** So many leave room for certain, and need no look at the memory between them. */
const openedAtOnce = 24;

function turnsOf(number: number): number {
  return (number < openedAtOnce ? largeChars : smallChars) / messageChars;
}

describe('A server that runs out of memory', function () {
  this.timeout(120_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;
  let ids: readonly ConversationId[];
  let journals: string;
  let server: StdioServer;

  before(() => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data');
    const workspace = path.join(folder.path, 'project');
    for (const name of [dataFolder, workspace]) mkdirSync(name, { mode: 0o700 });
    const conversations = Array.from({ length: conversationCount }, (_, number) => ({
      updates: Array.from({ length: turnsOf(number) }, (_turn, turn) =>
        turnUpdates({ id: `${number}-${turn}`, question: 'Again?', answer: `${turn} ${'x'.repeat(messageChars)}` }),
      ).flat(),
    }));
    ({ ids, folder: journals } = writeConversations(dataFolder, workspace, conversations));
  });
  after(() => folder.remove());
  afterEach(() => server.stop());

  /** As the editor starts it, with less memory. */
  async function start(heapMegabytes: number): Promise<void> {
    server = new StdioServer(dataFolder, [`--max-old-space-size=${heapMegabytes}`, ...serverFlags]);
    await server.initialize();
  }

  const health = async () => (await server.result('server/health', {})) as ResultOf<'server/health'>;
  const heapPercent = async (): Promise<number> =>
    Number(/uses (\d+) %/.exec((await health()).components['memory']?.message ?? '')?.[1] ?? 0);

  it('answers within a second with nine tenths of its heap in use, and says how full it is', async () => {
    await start(tightMegabytes);
    let opened = 0;
    for (const sessionId of ids) {
      await server.result('session/attach', { sessionId, fromSequence: fromSequenceOf(opened) });
      opened += 1;
      if (opened < openedAtOnce) continue;
      await nextLook();
      if ((await heapPercent()) >= 90) break;
    }
    const percent = await heapPercent();
    assert.ok(percent >= 90, `${percent} % with ${opened} conversations open`);
    const longest: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const startedAt = performance.now();
      assert.equal((await health()).status, 'degraded');
      longest.push(performance.now() - startedAt);
    }
    assert.ok(Math.max(...longest) < 1_000, `health took ${Math.max(...longest)} ms`);
    assert.match(server.stderr, /Memory runs out level=critical gauge=heap/);
    assert.match(server.stderr, /Memory was given up level=critical/);
    for (const sessionId of ids.slice(0, opened)) await server.result('session/detach', { sessionId });
    await waitFor('the memory to be free again', async () => (await health()).status === 'ready', 60_000);
    console.log(`      ${opened} conversations open, health within ${Math.ceil(Math.max(...longest))} ms`);
  });

  it('loses no event that it has acknowledged when it is ended for want of memory', async () => {
    await start(shortMegabytes);
    const acknowledged = new Map<ConversationId, string>();
    const ended = server.exit();
    for (const sessionId of ids) {
      const title = `title of ${sessionId}`;
      const answer = await Promise.race([server.request('conversation/rename', { sessionId, title }), ended]);
      if (answer?.result === undefined) break;
      acknowledged.set(sessionId, title);
      // With all that was said, which takes more than it holds at the end, whatever it gives up.
      await Promise.race([server.request('session/attach', { sessionId }), ended]);
    }
    await ended;
    assert.match(server.stderr, /heap out of memory|heap limit/i);
    assert.ok(acknowledged.size > 5, `${acknowledged.size} were acknowledged`);
    for (const [sessionId, title] of acknowledged) {
      const journal = readFileSync(path.join(journals, `${sessionId}.journal`), 'utf8');
      assert.ok(journal.includes(`"title":"${title}"`), `${sessionId} lost its title`);
    }
    const next = new StdioServer(dataFolder);
    await next.initialize();
    for (const [sessionId, title] of [...acknowledged].slice(-2)) {
      const found = (await next.result('session/attach', { sessionId })) as ResultOf<'session/attach'>;
      assert.deepEqual([found.access, found.title], ['write', title]);
    }
    await next.stop();
  });

  /** Until the watch has looked at the memory once more: its figure is in the health then. */
  async function nextLook(): Promise<void> {
    const former = (await health()).uptimeMs;
    await waitFor('the next look at the memory', async () => (await health()).uptimeMs > former + 3_100);
  }
});
