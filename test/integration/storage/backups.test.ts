import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { savedState } from '../../unit/storage/backups/backupWorld.ts';

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('backups from the command line and over HTTP', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;
  let workspace: string;
  let server: HttpServer | undefined;

  beforeEach(() => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data ü');
    workspace = path.join(folder.path, 'project');
    for (const name of [dataFolder, workspace]) mkdirSync(name, { mode: 0o700 });
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
    folder.remove();
  });

  function run(...args: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { env: serverEnvironment(dataFolder), timeout: 30_000 };
      execFile(process.execPath, [serverBundle, ...args], options, (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  function converse(text: string): void {
    writeConversations(dataFolder, workspace, [
      { updates: turnUpdates({ id: 'a', question: text, answer: 'Yes.' }), id: 'conversation-one' },
    ]);
  }

  it('are made, listed, verified and restored, and the restore is taken back with what it says', async () => {
    assert.match((await run('backup', 'list')).stdout, /no backup yet/);
    converse('first');
    writeFileSync(path.join(dataFolder, 'settings.json'), '{"log.level":"warn"}');
    const first = savedState(dataFolder);
    const made = await run('backup', 'create');
    assert.deepEqual([made.exitCode, made.stderr], [0, '']);
    const id = /^Backup (\S+): 1 conversations, 2 files/.exec(made.stdout)?.[1] ?? assert.fail(made.stdout);
    converse('second, longer');
    const second = savedState(dataFolder);
    const preview = await run('backup', 'restore', id, '--dry-run');
    assert.match(preview.stdout, /nothing was changed:\n~ conversations\/.*\/conversation-one\.journal\n$/);
    assert.deepEqual(savedState(dataFolder), second);
    const restored = await run('backup', 'restore', id);
    assert.deepEqual([restored.exitCode, restored.stderr], [0, '']);
    assert.deepEqual(savedState(dataFolder), first);
    const undo = /ai-dev-assistant (backup restore \S+)\n/.exec(restored.stdout)?.[1] ?? assert.fail(restored.stdout);
    assert.equal((await run(...undo.split(' '))).exitCode, 0);
    assert.deepEqual(savedState(dataFolder), second);
    const list = JSON.parse((await run('backup', 'list', '--json')).stdout) as ResultOf<'backup/list'>;
    assert.deepEqual(
      list.backups.map(({ reason, status }) => [reason, status]),
      [
        ['restore', 'good'],
        ['restore', 'good'],
        ['manual', 'good'],
      ],
    );
    assert.match((await run('backup', 'list')).stdout, /^ID +MADE +WHY.*\n\d{6}-\S+Z +\d{4}-.* restore .* good\n/);
    assert.match((await run('backup', 'verify')).stdout, /^(\S+: good\n){3}$/);
  });

  it('that are damaged are told, with exit code 1', async () => {
    converse('first');
    await run('backup', 'create');
    const parts = path.join(dataFolder, 'backups/v1/parts');
    writeFileSync(path.join(parts, readdirSync(parts)[0] ?? ''), 'other bytes');
    const verified = await run('backup', 'verify', 'latest');
    assert.equal(verified.exitCode, 1);
    assert.match(verified.stdout, /: damaged\n {2}conversations\/.* is damaged: part 1 is missing or was changed\.\n/);
    const refused = await run('backup', 'restore', 'no-such-backup');
    assert.deepEqual([refused.exitCode, refused.stdout], [1, '']);
    assert.match(refused.stderr, /no backup no-such-backup\. "backup list" shows/);
  });

  it('say which journals they hold that are no conversations any more, with exit code 1', async () => {
    converse('first');
    const journal = Object.keys(savedState(dataFolder)).find((name) => name.endsWith('.journal')) ?? assert.fail();
    writeFileSync(path.join(dataFolder, journal), 'no journal');
    const made = await run('backup', 'create');
    assert.equal(made.exitCode, 1);
    assert.match(made.stdout, /beginning is damaged: conversations\/.*\/conversation-one\.journal\nAn older backup/);
    assert.match((await run('backup', 'list')).stdout, / manual .* partial\n/);
  });

  it('are not restored under a running server by another process, which is told its id', async () => {
    converse('first');
    await run('backup', 'create');
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
    const refused = await run('backup', 'restore', 'latest');
    assert.equal(refused.exitCode, 1);
    const named = `Process ${server.child.pid} (${workspace}) uses this data folder`;
    assert.ok(refused.stderr.includes(named), refused.stderr);
    const preview = await run('backup', 'restore', 'latest', '--dry-run');
    assert.equal(preview.exitCode, 0);
    assert.ok(preview.stdout.includes(`Now that would be refused. ${named}`), preview.stdout);
  });

  it('are restored by the server that uses the folder, which goes on with them', async () => {
    converse('first');
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
    const call = async (method: string, params: unknown): Promise<Record<string, unknown>> => {
      const { status, body } = (await server?.call(method, params)) ?? assert.fail();
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };
    const { backup } = (await call('backup/create', {})) as ResultOf<'backup/create'>;
    await call('conversation/rename', { sessionId: 'conversation-one', title: 'Another title' });
    const titles = async () =>
      ((await call('session/list', {})) as ResultOf<'session/list'>).sessions.map(({ title }) => title);
    assert.deepEqual(await titles(), ['Another title']);
    const { undoId } = (await call('backup/restore', { id: backup.id })) as ResultOf<'backup/restore'>;
    assert.deepEqual(await titles(), ['first']);
    await call('backup/restore', { id: undoId });
    assert.deepEqual(await titles(), ['Another title']);
    await call('conversation/rename', { sessionId: 'conversation-one', title: 'It can be written' });
    await call('backup/restore', { id: backup.id, sessionId: 'conversation-one' });
    assert.deepEqual(await titles(), ['first']);
    assert.equal((await server.call('backup/restore', { id: '../x' })).status, 404);
  });

  it('are not restored while an agent works, which is said beforehand', async () => {
    converse('first');
    const model = await ModelServer.start({ models: ['test-model'] });
    try {
      model.willReply({ stream: [{ text: 'I am at it' }, { stall: true }] });
      const settings = {
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
      };
      writeFileSync(path.join(dataFolder, 'settings.json'), JSON.stringify(settings));
      const { exitCode } = await run('backup', 'create');
      assert.equal(exitCode, 0);
      server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
      const { sessionId } = (await server.call('session/new', { cwd: workspace })).body;
      const value = 'openai-compatible/test-model';
      await server.call('session/set_config_option', { sessionId, configId: 'model', value });
      const prompt = [{ type: 'text', text: 'work on it' }];
      const turn = Promise.allSettled([server.call('session/prompt', { sessionId, prompt })]);
      const isRunning = async (): Promise<boolean> =>
        ((await server?.call('session/list', {}))?.body as ResultOf<'session/list'>).sessions.some(
          ({ running }) => running,
        );
      await waitFor('the turn to run', isRunning);
      const preview = await server.call('backup/restore', { id: 'latest', dryRun: true });
      assert.match(String(preview.body['hindrance']), /A turn is running in the conversation "work on it"/);
      const refused = await server.call('backup/restore', { id: 'latest' });
      assert.match(refused.text, /A turn is running/);
      assert.ok(await isRunning(), 'and it was not disturbed');
      await server.stop();
      await turn;
    } finally {
      await model.close();
    }
  });

  it('take no record out of the audit log of the server that restores them, which goes on in its file', async () => {
    converse('first');
    server = await HttpServer.start(dataFolder, ['--workspace', workspace]);
    const { child } = server;
    const call = async (method: string, params: unknown): Promise<Record<string, unknown>> => {
      const { status, body } = (await server?.call(method, params)) ?? assert.fail();
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };
    const { backup } = (await call('backup/create', {})) as ResultOf<'backup/create'>;
    const { tokenId } = await call('security/issue', { name: 'guest', scope: 'read' });
    const { undoId } = (await call('backup/restore', { id: backup.id })) as ResultOf<'backup/restore'>;
    await call('security/revoke', { tokenId });
    const { records } = (await call('audit/query', {})) as ResultOf<'audit/query'>;
    const told = records
      // The one before the first use of this version may be made, and recorded, meanwhile.
      .filter(({ kind, details }) => /^(backup|token)\./.test(kind) && (details['id'] ?? backup.id) === backup.id)
      .map(({ kind, outcome, details }) => [kind, outcome, details['id'] ?? details['tokenId'], details['undoId']]);
    const expected = [
      ['backup.created', undefined, backup.id, undefined],
      ['token.changed', 'issued', tokenId, undefined],
      ['backup.restored', 'begun', backup.id, undoId],
      ['backup.restored', 'done', backup.id, undoId],
      ['token.changed', 'revoked', tokenId, undefined],
    ];
    const byText = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
    assert.deepEqual(byText(told), byText(expected));
    const restored = records.find(({ kind }) => kind === 'backup.restored');
    assert.deepEqual([restored?.actor['kind'], restored?.actor['via']], ['client', 'http']);
    assert.equal(((await call('audit/verify', {})) as ResultOf<'audit/verify'>).intact, true);
    if (process.platform !== 'linux') return;
    const open = readdirSync(`/proc/${child.pid}/fd`).map((fd) => linkOf(`/proc/${child.pid}/fd/${fd}`));
    assert.ok(open.some((file) => file.includes('/audit/') && !file.includes('(deleted)')));
    assert.deepEqual(
      open.filter((file) => file.includes('(deleted)') && file.includes(dataFolder)),
      [],
    );
  });

  it('put back one conversation, and of a damaged backup what is whole, as their words on the command line say', async () => {
    converse('first');
    writeFileSync(path.join(dataFolder, 'settings.json'), '{"log.level":"warn"}');
    await run('backup', 'create');
    const first = savedState(dataFolder);
    converse('second, longer');
    const second = savedState(dataFolder);
    const one = await run('backup', 'restore', 'latest', '--conversation', 'conversation-one');
    assert.deepEqual([one.exitCode, one.stderr, savedState(dataFolder)], [0, '', first]);
    const undo = /ai-dev-assistant (backup restore \S+ --conversation conversation-one)\n/.exec(one.stdout)?.[1];
    await run(...(undo ?? assert.fail(one.stdout)).split(' '));
    assert.deepEqual(savedState(dataFolder), second);
    assert.equal((await run('backup', 'restore', 'latest', '--conversation', '../x')).exitCode, 1);

    const id = /^(\S+) .* manual /m.exec((await run('backup', 'list')).stdout)?.[1] ?? assert.fail();
    const parts = path.join(dataFolder, 'backups/v1/parts');
    for (const name of readdirSync(parts)) {
      const file = path.join(parts, name);
      if (readFileSync(file, 'utf8').includes('log.level')) writeFileSync(file, '{"log.level":"WARN"}');
    }
    writeFileSync(path.join(dataFolder, 'settings.json'), '{"log.level":"info"}');
    const refused = await run('backup', 'restore', id);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /settings\.json is damaged .*--skip-damaged.*make a new backup first/);
    const skipped = await run('backup', 'restore', id, '--skip-damaged');
    assert.deepEqual([skipped.exitCode, skipped.stderr], [0, '']);
    assert.match(skipped.stdout, /left as they are now:\n! settings\.json\n$/);
    assert.equal(readFileSync(path.join(dataFolder, 'settings.json'), 'utf8'), '{"log.level":"info"}');
    const journal = Object.keys(first).find((name) => name.endsWith('.journal')) ?? assert.fail();
    assert.equal(savedState(dataFolder)[journal], first[journal]);
  });

  it('are made before another version uses the data folder for the first time, and once only', async () => {
    converse('first');
    mkdirSync(path.join(dataFolder, 'servers'), { mode: 0o700 });
    writeFileSync(path.join(dataFolder, 'servers/lastRun.json'), '{"version":"0.0.1"}');
    server = await HttpServer.start(dataFolder);
    const lastRun = (): string => readFileSync(path.join(dataFolder, 'servers/lastRun.json'), 'utf8');
    await waitFor('the backup before the upgrade', () => !lastRun().includes('0.0.1'));
    const { backups } = (await server.call('backup/list', {})).body as ResultOf<'backup/list'>;
    assert.deepEqual(
      backups.map(({ reason, status, conversations }) => [reason, status, conversations]),
      [['upgrade', 'good', 1]],
    );
    await server.stop();
    assert.deepEqual(readdirSync(path.join(dataFolder, 'servers/running')), []);
    writeConversations(dataFolder, workspace, [{ updates: [] }]);
    server = await HttpServer.start(dataFolder);
    await server.call('session/list', {});
    await server.stop();
    assert.equal(readdirSync(path.join(dataFolder, 'backups/v1/generations')).length, 1);
  });

  it('that fail by themselves are told in the health, and nothing is left of an end in the middle', async () => {
    converse('first');
    writeFileSync(path.join(dataFolder, 'backups'), 'in the way');
    server = await HttpServer.start(dataFolder);
    const health = async () => (await server?.call('server/health', {}))?.body as ResultOf<'server/health'>;
    await waitFor('the trouble to be told', async () => (await health()).status === 'degraded');
    assert.match((await health()).components['backups']?.message ?? '', /automatic backup failed.*E\w+\)\. \w/);
    rmSync(path.join(dataFolder, 'backups'));
    assert.equal((await server.call('backup/create', {})).status, 200);
    assert.ok(!existsSync(path.join(dataFolder, 'backups/restoring')));
    assert.equal((await health()).status, 'ready');
  });
});

/** Of what a process had open a moment ago. */
function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // It has been closed since.
    return '';
  }
}
