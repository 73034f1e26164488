import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { contract, declarationOf } from '../../server/protocol/contract.ts';
import { grantedScopes, includesScope, type GrantedScope, type Scope } from '../../server/protocol/declaration.ts';
import { errorTable, type ErrorReason } from '../../server/protocol/errors.ts';
import { clientRequests } from '../../server/protocol/openApi.ts';
import { HttpServer } from '../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../support/ptyHostOf.ts';
import { StdioServer } from '../support/stdioServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

/** What refuses every method, whatever the scope: so that nothing is done where the scope lets it pass. */
const nonsense = { noMethodTakesThis: true };
const allowedScopes: readonly Scope[] = ['none', 'read', 'terminal', 'agent', 'admin'];
/** `stranger` shows no token. */
const callers = ['stranger', ...grantedScopes] as const;
type Caller = (typeof callers)[number];

/** How a call was answered: by its result, or the reason of its error with the number that the transport says it with. */
interface Answered {
  readonly reason: string | undefined;
  readonly number: number;
}

/** One way in. A refusal says its reason and the number that belongs to it there. */
interface WayIn {
  readonly name: string;
  readonly numberOf: (reason: ErrorReason) => number;
  /** Who can come in this way at all; who started the server needs no token. */
  readonly callers: readonly Caller[];
  call(caller: Caller, method: string): Promise<Answered>;
}

/** Names that stand in the contract, but are no requests of a client. */
const noRequests = Object.keys(contract).filter((method) => {
  const declaration = declarationOf(method);
  return !(declaration?.kind === 'request' && declaration.direction === 'clientToServer');
});
const unknown = [...noRequests, 'nosuch/method', 'server/health/', 'Server/health', '__proto__', 'constructor'];

describe('Every method, for every scope, on every way in', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const childFolder = temporaryFolder();
  const tokens = new Map<Caller, string>();
  const sockets = new Map<Caller, WebSocketClient>();
  let server: HttpServer;
  let child: StdioServer;

  before(async () => {
    const limits = [
      'webSocketMessagesPerMinute',
      'apiPerMinute',
      'terminalPerSecond',
      'failedAuthenticationsPer5Minutes',
    ];
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      JSON.stringify(Object.fromEntries(limits.map((limit) => [`limits.${limit}`, 100_000]))),
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    for (const scope of grantedScopes) {
      const { body } = await server.call('security/issue', { name: scope, scope, hours: 1 });
      const token = String(body['token']);
      tokens.set(scope, token);
      sockets.set(scope, await WebSocketClient.open(server, { token }));
    }
    child = new StdioServer(childFolder.path);
    await child.initialize();
  });
  after(async () => {
    for (const socket of sockets.values()) await socket.close();
    await child.stop();
    await server.stop();
    for (const { path: dataFolder } of [folder, childFolder]) {
      endPtyHostsOf(dataFolder);
      await waitFor('the pty host to end', () => ptyHostsOf(dataFolder).length === 0);
    }
    folder.remove();
    childFolder.remove();
  });

  const authorization = (caller: Caller): string | null => {
    const token = tokens.get(caller);
    return token === undefined ? null : `Bearer ${token}`;
  };

  const overHttp: WayIn = {
    name: 'HTTP',
    numberOf: (reason) => errorTable[reason].httpStatus,
    callers,
    async call(caller, method) {
      const headers = { authorization: authorization(caller) };
      const answer = await server.send({ path: `/api/${method}`, body: JSON.stringify(nonsense), headers });
      return { reason: answer.body['error'] as string | undefined, number: answer.status };
    },
  };
  const overWebSocket: WayIn = {
    name: 'WebSocket',
    numberOf: (reason) => errorTable[reason].code,
    callers: grantedScopes,
    async call(caller, method) {
      const socket = sockets.get(caller);
      assert.ok(socket);
      const { error } = await socket.request(method, nonsense);
      return { reason: error?.data.reason, number: error?.code ?? 0 };
    },
  };
  const overStdio: WayIn = {
    name: 'stdin and stdout, as the child of its client',
    numberOf: (reason) => errorTable[reason].code,
    callers: ['admin'],
    async call(_caller, method) {
      const { error } = await child.request(method, nonsense);
      return { reason: error?.data?.reason, number: error?.code ?? 0 };
    },
  };

  it('names a scope in its declaration, and none that nobody has to hold', () => {
    for (const method of Object.keys(contract)) {
      const scope = declarationOf(method)?.scope;
      assert.ok(scope !== undefined && allowedScopes.includes(scope), method);
    }
    for (const [method, { scope }] of clientRequests()) assert.notEqual(scope, 'none', `${method} needs a token`);
  });

  for (const way of [overHttp, overWebSocket, overStdio]) {
    for (const caller of way.callers) {
      it(`over ${way.name} it is let through for "${caller}" exactly where the declaration says so`, async () => {
        for (const [method, { scope }] of clientRequests()) {
          const refusal = refusalOf(caller, scope);
          const { reason, number } = await way.call(caller, method);
          if (refusal) assert.deepEqual([reason, number], [refusal, way.numberOf(refusal)], method);
          else
            assert.ok(
              !['Unauthenticated', 'Forbidden', 'UnknownMethod'].includes(reason ?? ''),
              `${method}: ${reason}`,
            );
        }
      });

      it(`over ${way.name} nothing else is there for "${caller}"`, async () => {
        const refusal = caller === 'stranger' ? 'Unauthenticated' : 'UnknownMethod';
        for (const method of unknown) {
          const { reason, number } = await way.call(caller, method);
          assert.deepEqual([reason, number], [refusal, way.numberOf(refusal)], method);
        }
      });
    }
  }

  it('is listed for who may call it, and for nobody else', async () => {
    for (const caller of grantedScopes) {
      const allowed = clientRequests().filter(([, { scope }]) => includesScope(caller, scope));
      const overHttp = allowed.filter(([, { insteadOverHttp }]) => insteadOverHttp === undefined);
      assert.equal(allowed.length, overHttp.length + 1, 'to watch a terminal is not for plain HTTP');
      const headers = { authorization: authorization(caller) };
      const { body } = await server.send({ path: '/api', method: 'GET', headers });
      assert.deepEqual((body['methods'] as { method: string }[]).map(({ method }) => method).sort(), names(overHttp));
      const socket = sockets.get(caller);
      assert.deepEqual((await socket?.call('server/capabilities', {}))?.methods, names(allowed));
    }
  });

  it('is out of reach of strangers, who open neither a WebSocket nor a stream of events', async () => {
    await assert.rejects(WebSocketClient.open(server, { token: null }), /HTTP 401 Unauthenticated/);
    for (const route of [
      '/events',
      '/events?conversation=x',
      '/events?terminal=x',
      '/api',
      '/openapi.json',
      '/metrics',
    ]) {
      const { status, body } = await server.send({ path: route, method: 'GET', headers: { authorization: null } });
      assert.deepEqual([status, body['error']], [401, 'Unauthenticated'], route);
    }
  });

  it('is not called over a stream of events but to attach, for which to read is enough', async () => {
    for (const caller of grantedScopes) {
      const headers = { authorization: authorization(caller) };
      // Neither exists, which is said only to who might have attached to it.
      for (const what of ['conversation', 'terminal']) {
        const id = what === 'terminal' ? '0'.repeat(32) : 'conversation-1';
        const { status, body } = await server.send({ path: `/events?${what}=${id}`, method: 'GET', headers });
        assert.deepEqual([status, body['error']], [404, 'NotFound'], `${what} as ${caller}`);
      }
      for (const [method] of clientRequests()) {
        const answer = await server.send({ path: `/events/${method}`, method: 'GET', headers });
        assert.deepEqual([answer.status, answer.body['error']], [404, 'NotFound'], method);
      }
      const posted = await server.send({ path: '/events', body: '{}', headers });
      assert.deepEqual([posted.status, posted.body['error']], [405, 'MethodNotAllowed']);
    }
  });

  it('that nobody answers has no effect either, where the scope is not enough', async () => {
    const changes = async (): Promise<string[]> => {
      const answers = await Promise.all(
        ['setting.changed', 'trust.changed', 'secret.changed'].map((kind) => server.call('audit/query', { kind })),
      );
      return answers.flatMap(({ body }) => (body['records'] as { kind: string }[]).map(({ kind }) => kind));
    };
    const told = [
      ['settings/changed', { settings: { 'limits.apiPerMinute': 100_000, 'terminals.max': 3 } }],
      ['workspace/changed', { folders: [], trusted: true }],
      ['secret/changed', { name: 'providers.openai.apiKey' }],
    ] as const;
    for (const caller of grantedScopes) {
      const socket = sockets.get(caller);
      assert.ok(socket);
      for (const [method, params] of told) socket.notify(method, params);
      // What was sent before has been dealt with once this is answered.
      await socket.call('server/health', {});
      if (caller !== 'admin') assert.deepEqual(await changes(), [], caller);
    }
    await waitFor('what the admin says to count', async () => (await changes()).length === told.length);
  });

  it('contains what the design says: read in terminal and agent, both in admin, and neither of them in the other', () => {
    const holds = (held: GrantedScope) => grantedScopes.filter((needed) => includesScope(held, needed));
    assert.deepEqual(holds('read'), ['read']);
    assert.deepEqual(holds('terminal'), ['read', 'terminal']);
    assert.deepEqual(holds('agent'), ['read', 'agent']);
    assert.deepEqual(holds('admin'), ['read', 'terminal', 'agent', 'admin']);
  });
});

function names(requests: readonly (readonly [method: string, ...unknown[]])[]): string[] {
  return requests.map(([method]) => method);
}

/** Why `caller` may not call what needs `scope`; undefined where they may. */
function refusalOf(caller: Caller, scope: Scope): ErrorReason | undefined {
  if (caller === 'stranger') return 'Unauthenticated';
  return includesScope(caller, scope) ? undefined : 'Forbidden';
}
