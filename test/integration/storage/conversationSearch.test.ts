import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { HttpServer } from '../../support/httpServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { eventually } from '../../support/eventually.ts';

interface Hit {
  readonly sessionId: string;
  readonly title: string;
  readonly kind: string;
  readonly snippet: string;
}

describe('searching conversations over HTTP', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const dataFolder = path.join(folder.path, 'data');
  const [workspace, elsewhere] = [path.join(folder.path, 'project'), path.join(folder.path, 'elsewhere')];
  let server: HttpServer;
  let ids: readonly string[];

  before(async () => {
    for (const name of [workspace, elsewhere, dataFolder]) mkdirSync(name, { mode: 0o700 });
    writeFileSync(path.join(dataFolder, 'settings.json'), '{"limits.apiPerMinute": 10000}');
    // The events of one are a second apart, and must all lie in the past.
    const at = Date.now() - 60_000;
    const tokens = { inputTokens: 1_000, outputTokens: 50 };
    ({ ids } = writeConversations(dataFolder, workspace, [
      { at, updates: turnUpdates({ id: 'a', question: 'Why is the gizmo red?', answer: 'Paint.', tokens }) },
      {
        at,
        updates: turnUpdates({
          id: 'b',
          question: 'List it',
          answer: 'Done.',
          command: 'ls gizmo',
          file: 'src/gizmo.ts',
        }),
      },
    ]));
    writeConversations(dataFolder, elsewhere, [{ updates: turnUpdates({ id: 'c', question: 'gizmo', answer: 'x' }) }]);
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
  });
  after(async () => {
    await server.stop();
    folder.remove();
  });

  async function search(query: string, limit?: number): Promise<readonly Hit[]> {
    let hits: readonly Hit[] = [];
    await eventually(
      'the index is complete',
      async () => {
        const { status, body } = await server.call('conversation/search', { query, ...(limit && { limit }) });
        assert.equal(status, 200, JSON.stringify(body));
        hits = body['hits'] as readonly Hit[];
        return body['isComplete'] === true;
      },
      30_000,
    );
    return hits;
  }

  it('answers a hundred first calls that come at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => [await search('gizmo red'), (await server.call('session/list', {})).body]),
    );
    for (const [hits] of answers)
      assert.deepEqual(
        (hits as Hit[]).map(({ sessionId }) => sessionId),
        [ids[0]],
      );
    for (const [, list] of answers) assert.equal((list as { sessions: unknown[] }).sessions.length, 2);
  });

  it('finds messages, commands and files of the open workspace alone', async () => {
    assert.deepEqual((await search('gizmo')).map(({ kind }) => kind).sort(), ['command', 'file', 'user']);
    assert.equal((await search('gizmo', 1)).length, 1);
    assert.deepEqual(await search('nowhere'), []);
    assert.deepEqual(await search('"'), []);
  });

  it('calls one whose title was never written the same while it is open', async () => {
    const titles = async () =>
      ((await server.call('session/list', {})).body as { sessions: Hit[] }).sessions.map(({ title }) => title).sort();
    const before = await titles();
    assert.deepEqual(before, ['List it', 'Why is the gizmo red?']);
    assert.equal((await server.call('session/attach', { sessionId: ids[0] })).body['title'], 'Why is the gizmo red?');
    assert.deepEqual(await titles(), before);
  });

  it('gives a conversation another title, by which it is then found', async () => {
    assert.equal((await server.call('conversation/rename', { sessionId: ids[0], title: ' Colours ' })).status, 200);
    assert.deepEqual(
      (await search('colours')).map(({ title, kind }) => [title, kind]),
      [['Colours', 'title']],
    );
    const { sessions } = (await server.call('session/list', { limit: 1 })).body as { sessions: Hit[] };
    assert.deepEqual(
      sessions.map(({ title }) => title),
      ['Colours'],
    );
    assert.equal((await server.call('conversation/rename', { sessionId: ids[0], title: '  ' })).status, 400);
    assert.equal((await server.call('conversation/rename', { sessionId: ids[0], title: '\u200b' })).status, 400);
    assert.equal((await server.call('conversation/rename', { sessionId: 'no-such-one', title: 'x' })).status, 404);
  });

  it('sums up what was used', async () => {
    const { status, body } = await server.call('conversation/usage', {});
    assert.equal(status, 200);
    assert.deepEqual(body['total'], { turns: 2, inputTokens: 1_000, outputTokens: 50, cost: 0 });
    assert.equal((body['byModel'] as { model: string }[])[0]?.model, 'ollama/test');
    assert.equal((await server.call('conversation/usage', { fromDay: 'yesterday' })).status, 400);
  });

  it('forgets what was deleted', async () => {
    assert.equal((await server.call('session/delete', { sessionId: ids[1] })).status, 200);
    assert.deepEqual(
      (await search('gizmo')).map(({ kind }) => kind),
      ['user'],
    );
  });
});
