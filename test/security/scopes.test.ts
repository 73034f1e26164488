import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { contract, declarationOf } from '../../server/protocol/contract.ts';
import { grantedScopes, includesScope, type GrantedScope } from '../../server/protocol/declaration.ts';
import { clientRequests } from '../../server/protocol/openApi.ts';
import { HttpServer } from '../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../support/ptyHostOf.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

/** What refuses every method, whatever the scope: so that nothing is done where the scope lets it pass. */
const nonsense = { noMethodTakesThis: true };
const allowedScopes = ['none', 'read', 'terminal', 'agent', 'admin'];

describe('Every method, for every scope, on every way in', () => {
  const folder = temporaryFolder();
  const tokens = new Map<GrantedScope, string>();
  let server: HttpServer;

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      '{"limits.webSocketMessagesPerMinute": 100000, "limits.apiPerMinute": 100000, "limits.terminalPerSecond": 100000}',
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    for (const scope of grantedScopes) {
      const { body } = await server.call('security/issue', { name: scope, scope, hours: 1 });
      tokens.set(scope, String(body['token']));
    }
  });
  after(async () => {
    await server.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  it('names a scope in its declaration', () => {
    for (const method of Object.keys(contract))
      assert.ok(allowedScopes.includes(declarationOf(method)?.scope ?? ''), method);
    for (const [method, { scope }] of clientRequests()) assert.notEqual(scope, 'none', `${method} needs a token`);
  });

  for (const scope of grantedScopes) {
    it(`is refused with "${scope}" where it needs more, and only there`, async () => {
      const token = tokens.get(scope) ?? '';
      const client = await WebSocketClient.open(server, { token });
      for (const [method, declaration] of clientRequests()) {
        const overHttp = await server.send({
          path: `/api/${method}`,
          body: JSON.stringify(nonsense),
          headers: { authorization: `Bearer ${token}` },
        });
        const overWebSocket = await client.request(method, nonsense);
        const isForbidden = !includesScope(scope, declaration.scope);
        const found = [overHttp.body['error'] === 'Forbidden', overWebSocket.error?.data.reason === 'Forbidden'];
        assert.deepEqual(found, [isForbidden, isForbidden], method);
      }
      await client.close();
    });
  }

  it('contains what the design says: read in terminal and agent, both in admin, and neither of them in the other', () => {
    const holds = (held: GrantedScope) => grantedScopes.filter((needed) => includesScope(held, needed));
    assert.deepEqual(holds('read'), ['read']);
    assert.deepEqual(holds('terminal'), ['read', 'terminal']);
    assert.deepEqual(holds('agent'), ['read', 'agent']);
    assert.deepEqual(holds('admin'), ['read', 'terminal', 'agent', 'admin']);
  });
});
