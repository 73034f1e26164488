import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import { CodedError } from '../../../server/protocol/errors.ts';
import { readSettings, type Settings } from '../../../server/protocol/settings.ts';
import type { WorkspaceState } from '../../../server/protocol/server.ts';
import { ClientRegistry } from '../../../server/src/base/clientRegistry.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { Emitter } from '../../../server/src/base/emitter.ts';
import { Router } from '../../../server/src/rpc/router.ts';
import { auditChanges } from '../../../server/src/security/audit/auditedChanges.ts';
import { DoorGuard } from '../../../server/src/security/door/doorGuard.ts';
import { SettingsService } from '../../../server/src/settings/settingsService.ts';
import { HttpTransport } from '../../../server/src/transports/httpTransport.ts';
import { AgentWorld } from '../../support/agentWorld.ts';
import { CommandWorld } from '../../support/commandWorld.ts';
import { calls, says } from '../../support/modelScript.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { AuditFixture } from '../../unit/security/audit/auditFixture.ts';

const full = new CodedError('Unavailable', 'The audit log has no room.');
const isFull = (error: unknown): boolean => error === full;

/** `auditCanaries.test.ts` takes each of these calls out, and one of these tests must then fail. */
describe('What is privileged', function () {
  this.timeout(30_000);

  describe('in terminals', () => {
    const folder = temporaryFolder();
    let world: CommandWorld;

    before(async () => {
      world = await CommandWorld.open();
    });

    after(async () => {
      await world.close();
      folder.remove();
    });

    const request = (commandLine: string) => ({
      ...{ commandLine, cwd: folder.path, timeoutMs: 10_000, maxOutputChars: 1_000 },
      ...{ env: {}, name: undefined, signal: new AbortController().signal },
    });

    it('is a command, recorded before it runs and not run where it cannot be', async () => {
      const marker = path.join(folder.path, 'marker');
      world.audit.refusal = full;
      await assert.rejects(world.runner.runPlain(request(`echo ran > ${marker}`)), isFull);
      world.audit.refusal = undefined;
      assert.deepEqual(await world.terminals.list(), []);
      assert.equal(existsSync(marker), false);
      const told = world.audit.events.at(-1);
      assert.deepEqual([told?.kind, told?.details['commandLine']], ['command.run', `echo ran > ${marker}`]);
      assert.equal((await world.runner.runPlain(request(`echo ran > ${marker}`))).exit?.exitCode, 0);
      assert.equal(existsSync(marker), true);
    });

    it('is a terminal, recorded before it is made and not made where it cannot be', async () => {
      const params = { shell: '/bin/sh', name: 'mine', cols: 80, rows: 24 };
      world.audit.refusal = full;
      await assert.rejects(world.terminals.create(params), isFull);
      world.audit.refusal = undefined;
      const told = world.audit.events.at(-1);
      assert.deepEqual([told?.kind, told?.details['name']], ['terminal.created', 'mine']);
      const { sessionId } = await world.terminals.create(params);
      await world.terminals.close(sessionId);
    });

    it('is the input of a program that comes with a token, recorded before it gets there', async () => {
      const { sessionId } = await world.terminals.create({ shell: '/bin/sh', name: 'typed', cols: 80, rows: 24 });
      const marker = path.join(folder.path, 'typed');
      const type = (): Promise<void> =>
        world.terminals.write(sessionId, `echo >> ${marker}\r`, { by: { tokenId: 'one' } });
      world.audit.refusal = full;
      await assert.rejects(type(), isFull);
      world.audit.refusal = undefined;
      assert.deepEqual(world.audit.events.at(-1), { kind: 'terminal.input', details: { sessionId } });
      await world.terminals.write(sessionId, `touch ${marker}.\r`);
      await waitFor('what was typed by hand', () => existsSync(`${marker}.`));
      assert.equal(existsSync(marker), false);
      await type();
      await waitFor('what was typed with the token', () => existsSync(marker));
      await world.terminals.close(sessionId);
    });
  });

  describe('in what agents do', () => {
    let world: AgentWorld;

    beforeEach(async () => {
      const refuse = (): Promise<never> => Promise.reject(new Error('This command does not run.'));
      const commands = { run: refuse, read: refuse, stop: refuse, takeUp: () => Promise.resolve(undefined) };
      world = await AgentWorld.open({}, { commands });
    });

    afterEach(() => world.close());

    const decisions = (): (string | undefined)[] =>
      world.audit.events.filter(({ kind }) => kind === 'permission.decided').map(({ outcome }) => outcome);
    const runs = calls({ id: 'call_1', name: 'run_command', arguments: { command: 'true' } });

    it('is each decision about an effect: allowed, denied', async () => {
      const read = (file: string, id: string) => calls({ id, name: 'read_file', arguments: { path: file } });
      const sessionId = await world.begin(read('missing.txt', 'a'), read('.env', 'b'), says('done'));
      await world.prompt(sessionId, 'read');
      assert.deepEqual(decisions(), ['allowed', 'denied']);
      const [first, second] = world.audit.events;
      assert.deepEqual((first?.details['effect'] as { kind: string }).kind, 'readFile');
      assert.match(String(second?.details['why']), /not shown to any model/);
    });

    for (const [optionId, outcome] of [
      ['allow_once', 'allowedByPerson'],
      ['reject_once', 'deniedByPerson'],
    ] as const) {
      it(`is the answer ${optionId} of a person, and what came of it`, async () => {
        const sessionId = await world.begin(runs, says('done'));
        const turn = world.prompt(sessionId, 'run');
        const { requestId } = await world.update('permission_requested');
        await world.sessions.answerPermission(sessionId, requestId, optionId);
        await turn;
        const [answered] = world.audit.events.filter(({ kind }) => kind === 'permission.answered');
        assert.deepEqual([answered?.outcome, answered?.details['requestId']], [optionId, requestId]);
        assert.deepEqual(decisions(), [outcome]);
      });
    }

    it('is an answer that does not count where it cannot be recorded', async () => {
      const sessionId = await world.begin(runs, says('done'));
      const turn = world.prompt(sessionId, 'run');
      const { requestId } = await world.update('permission_requested');
      world.audit.refusal = full;
      await assert.rejects(world.sessions.answerPermission(sessionId, requestId, 'allow_once'), isFull);
      world.audit.refusal = undefined;
      await turn;
      assert.deepEqual(decisions(), ['deniedByPerson']);
    });
  });

  describe('at the door', () => {
    const refused: { readonly reason: string; readonly path: string }[] = [];
    let transport: HttpTransport;
    let url: URL;

    before(async () => {
      const { logger } = recordingLogger();
      const clock = systemClock;
      const router = new Router({ handlers: {}, limiter: { check: () => undefined }, logger, clock, instanceId: 'i' });
      const bearer = { tokenId: 'one', name: 'one', scope: 'read', isOwner: false, digest: '' } as const;
      const guard = new DoorGuard({
        tokens: {
          authenticate: (presented) => Promise.resolve(presented === 'right' ? bearer : undefined),
          watch: () => ({ dispose: () => undefined }),
        },
        settings: new SettingsService(logger),
        clock,
        onRefused: (reason, { path }) => refused.push({ reason, path }),
      });
      transport = new HttpTransport({
        ...{
          router,
          guard,
          clock,
          logger,
          host: '127.0.0.1',
          servedHost: '127.0.0.1',
          port: 0,
          health: () => ({ status: 'ready' }),
        },
        clients: new ClientRegistry(),
        metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
        openApi: () => '{}',
      });
      url = new URL(await transport.listen());
    });

    after(() => transport.dispose());

    async function send(headers: http.OutgoingHttpHeaders): Promise<readonly string[]> {
      refused.length = 0;
      await new Promise<void>((resolve, reject) => {
        const sent = http.request(new URL('/api/x?secret=1', url), { method: 'POST', headers, agent: false });
        sent.on('response', (response) => response.resume().on('end', resolve));
        sent.on('error', reject);
        sent.end();
      });
      assert.ok(refused.every((request) => request.path === '/api/x'));
      return refused.map(({ reason }) => reason);
    }

    it('is a wrong token', async () => {
      assert.deepEqual(await send({ authorization: 'Bearer wrong' }), ['Unauthenticated']);
    });

    it('is a foreign page', async () => {
      assert.deepEqual(await send({ authorization: 'Bearer right', origin: 'http://evil.example' }), ['BadOrigin']);
    });

    it('is not a request that may come in', async () => {
      assert.deepEqual(await send({ authorization: 'Bearer right' }), []);
    });
  });

  it('are changes of settings, trust and secrets', async () => {
    const audit = new AuditFixture();
    const trail = audit.server();
    const fail = (error: unknown): never => assert.fail(String(error));
    const settings = new Emitter<Settings>(fail);
    const workspace = new Emitter<WorkspaceState>(fail);
    const secrets = new Emitter<string>(fail);
    const source = <T>(emitter: Emitter<T>) => ({ onChanged: (listener: (value: T) => void) => emitter.on(listener) });
    const store = auditChanges(trail, {
      settings: source(settings),
      workspace: source(workspace),
      secrets: source(secrets),
    });
    for (const max of [5, 5, 6]) settings.fire(readSettings({ 'terminals.max': max }).settings);
    for (const trusted of [false, false, true]) workspace.fire({ folders: [], trusted });
    secrets.fire('providers.openai.apiKey');
    store.dispose();
    await trail.dispose();
    const told = audit.chains().flatMap((name) => audit.records(name));
    const details = (kind: string) => told.filter((record) => record.kind === kind).map((record) => record.details);
    assert.deepEqual(details('setting.changed'), [{ changed: { 'terminals.max': { from: 5, to: 6 } } }]);
    assert.deepEqual(details('trust.changed'), [{ folders: [], trusted: true }]);
    assert.deepEqual(details('secret.changed'), [{ name: 'providers.openai.apiKey' }]);
    await audit.remove();
  });
});
