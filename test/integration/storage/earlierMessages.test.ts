import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { eventsToMessages } from '../../../server/src/agents/eventsToMessages.ts';
import { agent, eventsOf, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { writeConversations } from '../../support/writtenConversations.ts';

const turns = 500;
const piecesOfAnswer = 12;

/** More than is held in memory: some 30 MiB, streamed in pieces. */
const updates: readonly SessionUpdate[] = Array.from({ length: turns }, (_, index) => [
  turnStarted(`turn${index}`),
  user(`question ${index}`, `u${index}`),
  ...Array.from({ length: piecesOfAnswer }, (__, piece) => agent(`${piece} ${'z'.repeat(5_000)} `, `a${index}`)),
  turnEnded('end_turn'),
]).flat();

describe('earlier messages of a long conversation over HTTP', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const dataFolder = path.join(folder.path, 'data');
  const workspace = path.join(folder.path, 'project');
  let server: HttpServer;
  let sessionId: string;

  before(async () => {
    for (const name of [workspace, dataFolder]) mkdirSync(name, { mode: 0o700 });
    const { ids } = writeConversations(dataFolder, workspace, [{ updates, at: Date.now() - 86_400_000 }]);
    sessionId = ids[0] ?? '';
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
  });
  after(async () => {
    await server.stop();
    folder.remove();
  });

  async function call<T>(method: string, params: object): Promise<T> {
    const { status, body } = await server.call(method, params);
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    return body as T;
  }

  it('come page by page in front of the snapshot, until nothing that was ever said is missing', async () => {
    const attached = await call<ResultOf<'session/attach'>>('session/attach', { sessionId });
    assert.ok(attached.isSnapshot && attached.hasEarlier);
    let earliest = attached.earliestSequence ?? 0;
    let all: SessionEvent[] = attached.events.filter(({ sequence }) => sequence >= earliest);
    let pages = 0;
    for (let hasMore: boolean = attached.hasEarlier; hasMore; pages++) {
      const page = await call<ResultOf<'session/events'>>('session/events', { sessionId, beforeSequence: earliest });
      assert.ok(page.earliestSequence < earliest && page.events.length <= 500);
      assert.ok(JSON.stringify(page.events).length < 1.1 * 1024 * 1024);
      assert.equal(page.events[0]?.update.sessionUpdate, 'turn_started', 'pages are whole turns');
      all = [...page.events, ...all];
      [earliest, hasMore] = [page.earliestSequence, page.hasMore];
    }
    assert.ok(pages > 10, `${pages} pages`);
    assert.equal(all.length, turns * 4, 'no stream chunks');
    assert.deepEqual(eventsToMessages(all), eventsToMessages(eventsOf(updates)));
  });

  it('are refused where nothing can be meant', async () => {
    const cases = [
      [{ sessionId: 'no-such-conversation', beforeSequence: 10 }, 404],
      [{ sessionId, beforeSequence: 0 }, 400],
      [{ sessionId, beforeSequence: 10, limit: 2_001 }, 400],
      [{ sessionId }, 400],
    ] as const;
    for (const [params, status] of cases) {
      assert.equal((await server.call('session/events', params)).status, status, JSON.stringify(params));
    }
    const nothing = await call<ResultOf<'session/events'>>('session/events', { sessionId, beforeSequence: 1 });
    assert.deepEqual(nothing, { events: [], earliestSequence: 1, hasMore: false });
  });
});
