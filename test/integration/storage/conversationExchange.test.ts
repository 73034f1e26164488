import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { eventually } from '../../support/eventually.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('conversations that are exported and imported, from the command line and over HTTP', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;
  let [workspace, elsewhere] = ['', ''];
  let id: string;
  let server: HttpServer | undefined;

  beforeEach(() => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data ü');
    [workspace, elsewhere] = [path.join(folder.path, 'project'), path.join(folder.path, 'else where')];
    for (const name of [dataFolder, workspace, elsewhere]) mkdirSync(name, { mode: 0o700 });
    const long = `${'word '.repeat(180_000)}end`;
    const updates = ['a', 'b', 'c'].flatMap((turn) =>
      turnUpdates({ id: turn, question: `The gizmo ${turn} ä\u001b[2J?`, answer: long, command: 'npm test' }),
    );
    ({
      ids: [id = ''],
    } = writeConversations(dataFolder, workspace, [{ updates, at: Date.now() - 60_000 }]));
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
    folder.remove();
  });

  function run(args: readonly string[], stdin?: string): Promise<Ended> {
    return new Promise((resolve) => {
      const options = {
        env: serverEnvironment(dataFolder),
        cwd: elsewhere,
        timeout: 30_000,
        maxBuffer: 64 * 1024 * 1024,
      };
      const child = execFile(process.execPath, [serverBundle, ...args], options, (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      });
      child.stdin?.end(stdin);
    });
  }

  async function call(method: string, params: object): Promise<Record<string, unknown>> {
    const { status, body } = (await server?.call(method, params)) ?? assert.fail();
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    return body;
  }

  it('go to a file and come back in another folder, which then lists and finds them', async () => {
    const file = path.join(elsewhere, 'talk.json');
    const exported = await run(['conversations', 'export', id, '--format', 'json', '--output', file]);
    assert.deepEqual([exported.exitCode, exported.stdout], [0, '']);
    assert.match(
      exported.stderr,
      /^Written to .*talk\.json\. It holds everything that was said, secrets included\.\n$/,
    );
    assert.deepEqual(readdirSync(elsewhere), ['talk.json']);
    const imported = await run(['conversations', 'import', 'talk.json', '--json']);
    assert.deepEqual([imported.exitCode, imported.stderr], [0, '']);
    const { sessionId } = JSON.parse(imported.stdout) as { sessionId: string };
    server = await HttpServer.start(dataFolder, ['--workspace', elsewhere]);
    const { sessions } = (await call('session/list', {})) as ResultOf<'session/list'>;
    assert.deepEqual(
      sessions.map((session) => [session.sessionId, session.cwd]),
      [[sessionId, elsewhere]],
    );
    await eventually('the index finds it', async () => {
      const { hits } = (await call('conversation/search', { query: 'gizmo' })) as ResultOf<'conversation/search'>;
      return hits.length === 3 && hits.every((hit) => hit.sessionId === sessionId);
    });
    await call('conversation/rename', { sessionId, title: 'It can be written' });
  });

  it('are read by a person, from stdout, with nothing in it that a terminal would obey', async () => {
    const { exitCode, stdout } = await run(['conversations', 'export', id]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^# The gizmo a ä \\\[2J\?\n\n- Begun /);
    assert.match(stdout, /\nThe gizmo a ä␛\[2J\?\n/);
    assert.ok(stdout.length > 2_500_000, 'more than a page');
    assert.equal(stdout.match(/^## You$/gm)?.length, 3);
    // eslint-disable-next-line no-control-regex -- this is what must not be there
    assert.doesNotMatch(stdout, /\u001b/);
  });

  it('come by stdin too, and what is wrong is one line on stderr', async () => {
    const { stdout } = await run(['conversations', 'export', id, '--format', 'json']);
    const good = await run(['conversations', 'import', '-', '--workspace', workspace], stdout);
    assert.match(good.stdout, /^Imported "The gizmo a ä.*\?" as conversation \S+\.\n$/);
    const files = path.join(elsewhere, 'no.json');
    writeFileSync(files, Buffer.of(0x7b, 0xff));
    for (const [args, message] of [
      [['import', files], /no text in UTF-8/],
      [['import', '/no/such/file'], /Could not read \/no\/such\/file \(ENOENT\)/],
      [['export', 'no-such-conversation'], /no-such-conversation/],
      [['export', '../x'], /There is no conversation "\.\.\/x"/],
      [['export', id, '--output', '/no/such/folder/x.md'], /Could not write .*ENOENT/],
    ] as const) {
      const { exitCode, stderr } = await run(['conversations', ...args]);
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
    assert.equal((await run(['conversations', 'export', id, '--format', 'pdf'])).exitCode, 64);
    const cut = await run(['conversations', 'import', '-'], stdout.slice(0, 2_000_000));
    assert.match(cut.stderr, /not a whole conversation/);
  });

  it('come in pages over HTTP, and are told to whoever watches the list', async () => {
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
    let [content, cursor]: [string, string | undefined] = ['', undefined];
    do {
      const params = { sessionId: id, format: 'json', ...(cursor !== undefined && { cursor }) };
      const page = (await call('conversation/export', params)) as ResultOf<'conversation/export'>;
      assert.ok(page.content.length <= 1_000_000);
      content += page.content;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    const { events } = JSON.parse(content) as { events: unknown[] };
    assert.equal(events.length, 15);
    const first = await call('conversation/import', { content: content.slice(0, 1_500_000), isPart: true });
    const last = { content: content.slice(1_500_000), cursor: first['nextCursor'] };
    const { sessionId } = (await call('conversation/import', last)) as { sessionId: string };
    const { sessions } = (await call('session/list', {})) as ResultOf<'session/list'>;
    assert.ok(sessions.some((session) => session.sessionId === sessionId));
    const again = await server.call('conversation/import', last);
    assert.deepEqual([again.status, again.body['error']], [404, 'NotFound']);
    const missing = await server.call('conversation/export', { sessionId: 'no-such-one', format: 'json' });
    assert.equal(missing.status, 404);
    const journals = readdirSync(path.join(dataFolder, 'conversations'), { recursive: true }).map(String);
    const own = journals.find((name) => name.endsWith(`${sessionId}.journal`)) ?? assert.fail();
    const head = readFileSync(path.join(dataFolder, 'conversations', own), 'utf8').split('\n', 1)[0] ?? '';
    assert.match(head, new RegExp(`"imported":\\{"at":\\d+,"conversationId":"${id}"\\}`));
  });
});
