import assert from 'node:assert/strict';
import * as path from 'node:path';
import { CanaryCopy, type Canary } from '../support/canaryCopy.ts';

const guard = 'server/src/security/door/doorGuard.ts';
const hosts = 'server/src/security/door/hostGuard.ts';
const store = 'server/src/security/tokens/tokenStore.ts';
const router = 'server/src/rpc/router.ts';
const ofGuard = { tests: 'test/unit/security/doorGuard.test.ts', grep: 'The guard of the doors' };
const ofHosts = { tests: 'test/unit/security/hostGuard.test.ts', grep: '' };
const ofStore = { tests: 'test/unit/security/tokens/tokenStore.test.ts', grep: 'The tokens of a data folder' };
const ofRouter = { tests: 'test/unit/rpc/router.test.ts', grep: 'The router' };

/** Each guard of the door, with what would be left of it. */
const canaries: readonly (Canary & { readonly tests: string; readonly grep: string })[] = [
  { file: guard, guard: "isAmbiguous ? 'BadHost' : ", without: '', ...ofGuard },
  { file: guard, guard: 'if (bearer) return bearer;', without: 'if (bearer || presented) return bearer!;', ...ofGuard },
  { file: guard, guard: 'shown.length === 1 ? shown[0] : undefined', without: 'shown[0]', ...ofGuard },
  { file: guard, guard: 'retryAfterMs === 0 ?', without: 'retryAfterMs >= 0 ?', ...ofGuard },
  { file: hosts, guard: "if (!isOurHost(headers.host, rules)) return 'BadHost';", without: '', ...ofHosts },
  { file: hosts, guard: "return allowed ? 'ok' : 'BadOrigin';", without: "return allowed ? 'ok' : 'ok';", ...ofHosts },
  {
    file: store,
    guard: '!record || !isRight || this.hasEnded(record)',
    without: '!record || this.hasEnded(record)',
    ...ofStore,
  },
  { file: store, guard: '!record || !isRight || this.hasEnded(record)', without: '!record || !isRight', ...ofStore },
  { file: store, guard: 'watcher.onEnded();', without: '', ...ofStore },
  { file: router, guard: 'if (includesScope(client.scope, scope)) return;', without: 'return;', ...ofRouter },
  {
    file: router,
    guard: `this.limiter.check(client, method, declaration.limit);
      const parsed = this.parseParams(method, declaration, params);
      const result`,
    without: `const parsed = this.parseParams(method, declaration, params);
      const result`,
    ...ofRouter,
  },
  { file: router, guard: "this.limiter.check(client, printable(method), 'api');", without: '', ...ofRouter },
  { file: router, guard: 'guardParams(params);', without: '', ...ofRouter },
];

describe('With a guard of the door taken out', function () {
  this.timeout(60_000);
  let copy: CanaryCopy;

  before(() => {
    copy = new CanaryCopy();
  });
  after(() => copy.remove());

  for (const { tests, grep, ...canary } of canaries) {
    it(`a test fails: ${canary.guard.split('\n', 1)[0] ?? ''} of ${path.basename(canary.file)}`, async () => {
      assert.ok((await copy.failuresWithout(canary, tests, grep)) > 0);
    });
  }
});
