import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import type { AuditEntry } from '../../../server/protocol/audit.ts';
import { grantedScopes } from '../../../server/protocol/declaration.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';

const run = promisify(execFile);

describe('The audit log of a real server', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let dataFolder: string;

  beforeEach(() => {
    folder = temporaryFolder();
    dataFolder = path.join(folder.path, 'data');
  });

  afterEach(() => {
    endPtyHostsOf(dataFolder);
    folder.remove();
  });

  async function cli(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      return {
        code: 0,
        ...(await run(process.execPath, [serverBundle, ...args], { env: serverEnvironment(dataFolder) })),
      };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  }

  const chains = (): string[] =>
    readdirSync(path.join(dataFolder, 'audit'))
      .filter((name) => name.endsWith('.jsonl'))
      .sort();
  const everything = (): string =>
    chains()
      .map((name) => readFileSync(path.join(dataFolder, 'audit', name), 'utf8'))
      .join('');

  async function records(server: HttpServer, query: object = {}): Promise<AuditEntry[]> {
    const answer = await server.call('audit/query', query);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body['records'] as AuditEntry[];
  }

  it('has who came without the token, what was started and by whom, and verifies', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    const wrong = 'canaryTokenThatIsWrongcanaryTokenThatIsWrong';
    const refused = await server.send({
      path: '/api/terminal/list?token=canaryInQuery',
      headers: { authorization: `Bearer ${wrong}` },
    });
    assert.equal(refused.status, 401);
    assert.equal((await server.send({ path: '/api/terminal/list', headers: { host: 'evil.example' } })).status, 421);
    const created = await server.call('terminal/create', {
      shell: '/bin/sh',
      name: 'mine',
      env: { X_TOKEN: 'canaryInEnvironment' },
    });
    assert.equal(created.status, 200);
    const commandLine = `echo ${server.token}; PASSWORD=canaryOfCommand true`;
    const ran = await server.call('terminal/run', { command: commandLine });
    assert.equal(ran.body['exitCode'], 0);

    const { sessionId } = created.body;
    for (const data of ['echo ', 'canaryThatIsTyped\r']) {
      assert.equal((await server.call('terminal/write', { sessionId, data })).status, 200);
    }

    const [failed] = await records(server, { kind: 'authentication.failed' });
    assert.deepEqual(
      [failed?.actor['via'], failed?.actor['client'], failed?.details['path']],
      ['http', '127.0.0.1', '/api/terminal/list'],
    );
    const [atDoor] = await records(server, { kind: 'request.refused' });
    assert.deepEqual([atDoor?.outcome, atDoor?.details['host']], ['BadHost', 'evil.example']);
    const reader = await server.call('security/issue', { name: 'reader', scope: 'read', hours: 1 });
    const headers = { authorization: `Bearer ${String(reader.body['token'])}` };
    const forbidden = await server.send({ path: '/api/terminal/create', body: '{}', headers });
    assert.equal(forbidden.status, 403);
    const ofScope = (await records(server, { kind: 'request.refused' })).find(({ outcome }) => outcome === 'Forbidden');
    assert.deepEqual(
      [ofScope?.details['method'], ofScope?.actor['token']],
      ['terminal/create', reader.body['tokenId']],
    );
    const [terminal] = await records(server, { kind: 'terminal.created' });
    assert.deepEqual(
      [terminal?.details['name'], terminal?.actor['token'], terminal?.actor['kind']],
      ['mine', 'dataFolder', 'client'],
    );
    assert.ok(terminal?.correlationId);
    const [input, ...more] = await records(server, { kind: 'terminal.input' });
    assert.deepEqual([input?.actor['token'], input?.details, more], ['dataFolder', { sessionId }, []]);
    const [command] = await records(server, { kind: 'command.run' });
    assert.match(String(command?.details['commandLine']), /^echo \[redacted\]; PASSWORD=\[redacted\] true$/);

    const live = await server.call('audit/verify', {});
    assert.equal(live.body['intact'], true, JSON.stringify(live.body));
    assert.equal(await server.stop(), 0);
    for (const canary of ['canary', server.token]) assert.equal(everything().includes(canary), false, canary);
    const verdict = await cli('audit', 'verify');
    assert.deepEqual([verdict.code, verdict.stderr], [0, '']);
    assert.match(verdict.stdout, /^Intact: \d+ records in 1 file\.\n/);
  });

  it('has who asked for an event stream without the right to, and every scope may have what streams attach to', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    const { body } = await server.call('session/new', { cwd: folder.path });
    const terminal = await server.call('terminal/create', { shell: 'cat' });
    const events = `/events?conversation=${String(body['sessionId'])}&terminal=${String(terminal.body['sessionId'])}`;
    const open = (headers: Readonly<Record<string, string>>) => server.send({ path: events, method: 'GET', headers });
    for (const scope of grantedScopes) {
      const issued = await server.call('security/issue', { name: scope, scope, hours: 1 });
      const authorization = `Bearer ${String(issued.body['token'])}`;
      const opened = await open({ authorization });
      assert.deepEqual(
        [opened.status, opened.headers['content-type']],
        [200, 'text/event-stream; charset=utf-8'],
        opened.text,
      );
    }
    const refusals: readonly (readonly [kind: string, outcome: string, headers: Readonly<Record<string, string>>])[] = [
      ['authentication.failed', 'Unauthenticated', { authorization: 'Bearer wrong' }],
      ['request.refused', 'BadHost', { host: 'evil.example' }],
      ['request.refused', 'BadOrigin', { origin: 'https://evil.example' }],
    ];
    for (const [kind, outcome, headers] of refusals) {
      assert.equal((await open(headers)).body['error'], outcome);
      // Nobody who is refused waits for the record of it.
      await waitFor(`the record of ${outcome}`, async () => {
        const [latest] = await records(server, { kind });
        return latest?.outcome === outcome && latest.details['path'] === '/events';
      });
    }
    await server.stop();
  });

  it('holds no secret of the settings that it begins with', async () => {
    const secrets = ['CANARYpassword1', 'sk-CANARYcanaryCANARY1234'];
    const baseUrl = `https://user:${secrets[0] ?? ''}@models.example/v1?api_key=${secrets[1] ?? ''}`;
    mkdirSync(dataFolder, { mode: 0o700 });
    writeFileSync(path.join(dataFolder, 'settings.json'), JSON.stringify({ 'providers.openai.baseUrl': baseUrl }));
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    assert.equal((await server.send({ path: '/api/terminal/list', headers: { host: 'evil.example' } })).status, 421);
    const isBegun = (): boolean => existsSync(path.join(dataFolder, 'audit'));
    await waitFor('the refusal to be recorded', () => isBegun() && everything().includes('"request.refused"'));
    await server.stop();
    const opening = JSON.parse(everything().split('\n')[0] ?? '') as { details: { setting: Record<string, unknown> } };
    assert.equal(
      opening.details.setting['providers.openai.baseUrl'],
      'https://user:[redacted]@models.example/v1?api_key=[redacted]',
    );
    for (const secret of secrets) assert.equal(everything().includes(secret), false, secret);
    assert.equal((await cli('audit', 'verify')).code, 0);
  });

  it('says which conversations came in and went, and nothing of what was refused', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    const { body } = await server.call('session/new', { cwd: folder.path });
    const { sessionId } = body as { sessionId: string };
    const exported = await server.call('conversation/export', { sessionId, format: 'json' });
    const { content } = exported.body as { content: string };
    const imported = await server.call('conversation/import', { content, cwd: folder.path });
    assert.equal(imported.status, 200, JSON.stringify(imported.body));
    assert.equal((await server.call('session/delete', { sessionId })).status, 200);
    for (const refused of [
      { method: 'session/delete', params: { sessionId } },
      { method: 'security/revoke', params: { tokenId: 'dataFolder' } },
      { method: 'security/revoke', params: { tokenId: '0123456789abcdef' } },
      { method: 'security/rotate', params: { tokenId: '0123456789abcdef' } },
      { method: 'security/issue', params: { name: 'x', scope: 'everything', hours: 1 } },
      { method: 'backup/restore', params: { id: '20200101T000000000Z-0123456789ab' } },
    ]) {
      assert.notEqual((await server.call(refused.method, refused.params)).status, 200, refused.method);
    }
    await server.stop();
    const told = everything()
      .split('\n')
      .slice(1, -2)
      .map((line) => JSON.parse(line) as AuditEntry)
      .filter(({ kind }) => kind !== 'backup.created');
    assert.deepEqual(
      told.map(({ kind, details }) => [kind, details]),
      [
        ['conversation.imported', { conversationId: imported.body['sessionId'] }],
        ['conversation.deleted', { conversationId: sessionId }],
      ],
    );
    assert.ok(told.every(({ actor }) => actor['token'] === 'dataFolder'));
  });

  it('does not hold the token of the folder after another process has rotated it', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    assert.equal((await cli('tokens', 'rotate', 'dataFolder')).code, 0);
    const token = readFileSync(server.tokenFile, 'utf8').trim();
    assert.notEqual(token, server.token);
    const send = (command: string) =>
      server.send({
        path: '/api/terminal/run',
        body: JSON.stringify({ command }),
        headers: { authorization: `Bearer ${token}` },
      });
    await waitFor('the server to know the new one', async () => (await send('true')).status === 200);
    assert.equal((await send(`echo ${token} ${server.token}`)).status, 200);
    await server.stop();
    assert.ok(everything().includes('echo [redacted] [redacted]'));
    for (const secret of [token, server.token]) assert.equal(everything().includes(secret), false);
  });

  it('has what was refused to a token, whatever strangers were refused in the same minute', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    for (let count = 0; count < 25; count++) {
      await server.send({ path: '/api/terminal/list', headers: { host: 'evil.example' } });
    }
    const reader = await server.call('security/issue', { name: 'reader', scope: 'read', hours: 1 });
    const headers = { authorization: `Bearer ${String(reader.body['token'])}` };
    assert.equal((await server.send({ path: '/api/terminal/create', body: '{}', headers })).status, 403);
    const refused = await records(server, { kind: 'request.refused', limit: 100 });
    assert.equal(refused.filter(({ outcome }) => outcome === 'BadHost').length, 20);
    const ofToken = refused.filter(({ actor }) => actor['token'] === reader.body['tokenId']);
    assert.deepEqual(
      ofToken.map(({ outcome, details }) => [outcome, details]),
      [['Forbidden', { method: 'terminal/create' }]],
    );
    await server.stop();
    const alike = everything()
      .split('\n')
      .filter((line) => line.includes('"alike":'))
      .map((line) => JSON.parse(line) as AuditEntry);
    assert.deepEqual(
      alike.map(({ outcome, actor, details }) => [outcome, actor, details['alike']]),
      [['BadHost', { kind: 'client', via: 'http', client: '127.0.0.1' }, 5]],
    );
  });

  it('has it that the token of the folder was replaced, because others could read it, while the server ran', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    assert.equal((await server.call('server/health', {})).status, 200);
    chmodSync(server.tokenFile, 0o644);
    await waitFor('the old one to hold no more', async () => (await server.call('server/health', {})).status === 401);
    await server.stop();
    const told = everything()
      .split('\n')
      .filter((line) => line.includes('"kind":"token.changed"'))
      .map((line) => JSON.parse(line) as AuditEntry);
    assert.deepEqual(
      told.map(({ outcome, actor }) => [outcome, actor]),
      [['replaced', { kind: 'server' }]],
    );
    assert.match(String(told[0]?.details['why']), /Other users could read the token’s file/);
  });

  it('is checked by the command line, which names the first bad record and exits with 1', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    for (const name of ['one', 'two']) await server.call('terminal/run', { command: `echo ${name}` });
    await server.stop();
    const [name = ''] = chains();
    const [keyName = ''] = readdirSync(path.join(dataFolder, 'audit', 'publicKeys'));
    const key = path.join(dataFolder, 'audit', 'publicKeys', keyName);
    const pinned = await cli('audit', 'verify', '--public-key', key);
    assert.equal(pinned.code, 0);
    const file = path.join(dataFolder, 'audit', name);
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.replace('echo two', 'echo 2'));
    const broken = await cli('audit', 'verify');
    assert.equal(broken.code, 1);
    assert.ok(broken.stdout.includes(`First bad record: ${name}, line 3 (contradictsAnchor)`), broken.stdout);
    assert.match(
      broken.stdout,
      /^BROKEN: \d+ records? in 1 file could be read\.\n[\s\S]*Keep a copy of the folder audit/,
    );
    const parsed = JSON.parse((await cli('audit', 'verify', '--json')).stdout) as { firstBad: { line: number } };
    assert.equal(parsed.firstBad.line, 3);
    writeFileSync(file, whole);
    const notAKey = await cli('audit', 'verify', '--public-key', file);
    assert.deepEqual([notAKey.code, notAKey.stderr.includes('no Ed25519 public key')], [1, true]);
    assert.equal((await cli('audit', 'delete', '--before', 'yesterday')).code, 64);
    const deleted = await cli('audit', 'delete', '--before', '2100-01-01');
    assert.equal(deleted.stdout, 'Deleted 1 file of the audit log.\n');
    assert.equal(chains().includes(name), false);
    assert.equal((await cli('audit', 'verify')).code, 0);
  });

  for (const command of ['verify', 'query']) {
    it(`says that there is none, with an exit code of its own, where nothing was ever recorded: audit ${command}`, async () => {
      const folderOfLog = path.join(dataFolder, 'audit');
      for (const make of [() => undefined, () => mkdirSync(folderOfLog, { recursive: true })]) {
        make();
        const { code, stdout, stderr } = await cli('audit', command);
        assert.deepEqual([code, stdout], [66, '']);
        assert.ok(stderr.startsWith(`There is no audit log in ${folderOfLog}. `), stderr);
      }
    });
  }

  it('is read by the command line as by audit/query, beside a server or without one', async () => {
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    for (const name of ['one', 'two', 'three']) await server.call('terminal/run', { command: `echo ${name}` });
    const query = { kind: 'command.run' };
    const expected = await records(server, query);
    const read = async (...args: readonly string[]) =>
      JSON.parse((await cli('audit', 'query', '--json', ...args)).stdout) as { records: AuditEntry[] };
    assert.deepEqual((await read('--kind', 'command.run')).records, expected);
    await server.stop();
    assert.deepEqual((await read('--kind', 'command.run')).records, expected);
    assert.equal(expected.length, 3);
    assert.deepEqual((await read('--kind', 'command.run', '--limit', '2')).records, expected.slice(0, 2));
    const [, second] = expected;
    assert.ok(second);
    const times = ['--from', second.at, '--to', second.at, '--actor', 'client'];
    assert.deepEqual((await read('--kind', 'command.run', ...times)).records, [second]);

    // Of the earliest, in case that midnight has passed since.
    const day = new Date(expected.at(-1)?.at ?? '').toLocaleDateString('sv-SE');
    assert.deepEqual((await read('--kind', 'command.run', '--from', day)).records, expected);
    const shown = await cli('audit', 'query', '--kind', 'command.run', '--limit', '2');
    assert.match(
      shown.stdout,
      /^TIME +KIND +.*\n\S+Z +command\.run .*echo three.*\n\S+Z +command\.run .*echo two.*\n$/,
    );
    assert.match(shown.stderr, /These are the last 2; there may be more/);
    const none = await cli('audit', 'query', '--actor', 'nobody at all');
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'No record is like that.\n']);
    assert.equal((await cli('audit', 'query', '--limit', '0')).code, 64);
    for (const [option, value] of [
      ['--kind', 'command.runs'],
      ['--from', 'yesterday'],
    ] as const) {
      const { code, stderr } = await cli('audit', 'query', option, value);
      assert.deepEqual([code, stderr.startsWith(`ai-dev-assistant: ${option} cannot be used: `)], [1, true], stderr);
    }
  });

  it("signs with the window's own key in VS Code, which never stands in the data folder", async () => {
    const window = await WindowServer.start(dataFolder);
    await window.call('terminal/run', { command: 'echo window' });
    window.notify('settings/changed', {
      settings: { 'terminals.max': 7, 'providers.openai.baseUrl': 'https://me:canaryPassword@host/' },
    });
    window.notify('workspace/changed', { folders: [{ path: folder.path, name: 'w' }], trusted: false });
    const told = await waitFor(
      'the changes to be recorded',
      () => ['setting.changed', 'trust.changed'].every((kind) => everything().includes(`"${kind}"`)) && everything(),
    );
    assert.ok(told.includes('"terminals.max":{"from":100,"to":7}'));
    assert.equal(told.includes('canaryPassword'), false);
    const key = window.secrets.get('audit.signingKey') ?? '';
    assert.match(key, /PRIVATE KEY/);
    assert.equal(readdirSync(path.join(dataFolder, 'audit')).includes('signingKey.pem'), false);
    const verdict = await window.call('audit/verify', {});
    assert.deepEqual([verdict.intact, verdict.keys.length], [true, 1]);
    await window.kill('SIGTERM');
    const opening = JSON.parse(told.split('\n')[0] ?? '') as { details: { keyKeptBy: string }; actor: object };
    assert.equal(opening.details.keyKeptBy, 'editor');
    const [command] = told.split('\n').filter((line) => line.includes('"command.run"'));
    assert.match(command ?? '', /"actor":\{"kind":"person","via":"editor"/);
    const pem = key.split('\n')[1] ?? '';
    const written = readdirSync(dataFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    assert.equal(
      written.some((text) => text.includes(pem)),
      false,
    );
  });

  it('says in the next chain that a server was killed, and tells that from tampering', async () => {
    const window = await WindowServer.start(dataFolder);
    await window.call('terminal/run', { command: 'echo killed soon' });
    await window.kill('SIGKILL');
    const [killed = ''] = chains();
    const file = path.join(dataFolder, 'audit', killed);
    // As the kill would leave it in the middle of a write.
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"sequence":99,"at":"20`);
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    await server.call('terminal/run', { command: 'echo next' });
    const [witness] = await records(server, { kind: 'chain.witnessed' });
    const [seen] = witness?.details['files'] as { file: string; state: string; tornBytes: number }[];
    assert.deepEqual([seen?.file, seen?.state, seen?.tornBytes], [killed, 'crashed', 23]);
    await server.stop();
    const verdict = await cli('audit', 'verify');
    assert.equal(verdict.code, 0, verdict.stdout);
    assert.match(verdict.stdout, /ends in 23 bytes of a record that its server was writing when it was killed/);
  });

  it('refuses commands and terminals where it cannot be written, and nothing else', async function () {
    mkdirSync(dataFolder, { recursive: true });
    // A file where the folder should be, which even root cannot write into.
    writeFileSync(path.join(dataFolder, 'audit'), '');
    chmodSync(dataFolder, 0o700);
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off']);
    const marker = path.join(folder.path, 'it-ran');
    const ran = await server.call('terminal/run', { command: `touch ${marker}` });
    assert.deepEqual([ran.status, ran.body['error']], [503, 'Unavailable']);
    assert.match(String(ran.body['message']), /could not be recorded in the audit log/);
    assert.equal((await server.call('terminal/create', { shell: '/bin/sh' })).status, 503);
    assert.equal((await server.call('terminal/list', {})).status, 200);
    const health = await server.call('server/health', {});
    assert.equal(health.body['status'], 'degraded');
    rmSync(path.join(dataFolder, 'audit'));
    await waitFor(
      'the log to be written again',
      async () => (await server.call('server/health', {})).body['status'] === 'ready',
    );
    assert.equal((await server.call('terminal/run', { command: `test ! -e ${marker}` })).body['exitCode'], 0);
    const [missed] = await records(server, { kind: 'audit.missed' });
    assert.equal(missed?.details['count'], 2);
    await server.stop();
  });
});
