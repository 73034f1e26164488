import assert from 'node:assert/strict';
import { settingsSnapshot, type Settings } from '../../../server/protocol/settings.ts';
import type { Bearer, DoorRequest } from '../../../server/src/base/door.ts';
import { DoorGuard } from '../../../server/src/security/door/doorGuard.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const right = 'right-token';
const bearer: Bearer = { tokenId: 'one', name: 'one', scope: 'read', isOwner: false, digest: '' };

describe('The guard of the doors', () => {
  function create(changed: Partial<Settings> = {}, allowedHosts: readonly string[] = []) {
    const clock = new FakeClock();
    const settings = { ...settingsSnapshot.parse({}), ...changed };
    const refused: string[] = [];
    const guard = new DoorGuard({
      tokens: {
        authenticate: (presented) => Promise.resolve(presented === right ? bearer : undefined),
        watch: () => ({ dispose: () => undefined }),
      },
      settings: { get: (key) => settings[key] },
      clock,
      allowedHosts,
      onRefused: (reason) => refused.push(reason),
    });
    const request = (parts: Partial<DoorRequest> = {}): DoorRequest => ({
      hosts: ['127.0.0.1:80'],
      origins: [],
      authorizations: [],
      subprotocols: [],
      remoteAddress: '127.0.0.1',
      port: 80,
      method: 'GET',
      path: '/',
      ...parts,
    });
    const messageTo = async (parts: Partial<DoorRequest>): Promise<string> => {
      const answer = await guard.authenticate(request(parts));
      return 'reason' in answer ? answer.message : 'in';
    };
    const authenticate = async (parts: Partial<DoorRequest>): Promise<string> => {
      const answer = await guard.authenticate(request(parts));
      return 'reason' in answer ? `${answer.reason} ${answer.retryAfterMs ?? ''}`.trim() : 'in';
    };
    return { clock, guard, request, authenticate, messageTo, refused };
  }

  const cases: [string, Partial<DoorRequest>, string][] = [
    ['the right token', { authorizations: [`Bearer ${right}`] }, 'in'],
    ['the right token of a browser’s WebSocket', { subprotocols: ['ai-dev-assistant.v1', `bearer.${right}`] }, 'in'],
    ['a scheme in other letters', { authorizations: [`bearer ${right}`] }, 'in'],
    ['nothing', {}, 'Unauthenticated'],
    ['a wrong token', { authorizations: ['Bearer wrong'] }, 'Unauthenticated'],
    ['another scheme', { authorizations: [`Basic ${right}`] }, 'Unauthenticated'],
    ['two headers', { authorizations: [`Bearer ${right}`, 'Bearer wrong'] }, 'Unauthenticated'],
    [
      'a header and a subprotocol',
      { authorizations: [`Bearer ${right}`], subprotocols: [`bearer.${right}`] },
      'Unauthenticated',
    ],
    ['two subprotocols', { subprotocols: [`bearer.${right}`, `bearer.${right}`] }, 'Unauthenticated'],
    ['a subprotocol that holds more', { subprotocols: [`bearer.${right} x`] }, 'Unauthenticated'],
    ['a token with a control character', { authorizations: [`Bearer ${right}\0`] }, 'Unauthenticated'],
    ['a token of a megabyte', { authorizations: [`Bearer ${'x'.repeat(1_000_000)}`] }, 'Unauthenticated'],
  ];
  for (const [name, parts, expected] of cases) {
    it(`answers ${expected} to ${name}`, async () => {
      assert.equal(await create().authenticate(parts), expected);
    });
  }

  it('tells who has shown five wrong tokens in five minutes to wait, and lets a right one in at once', async () => {
    const { clock, authenticate, refused } = create();
    const wrong = { authorizations: ['Bearer wrong'] };
    for (let attempt = 0; attempt < 5; attempt++) {
      assert.equal(await authenticate(wrong), 'Unauthenticated');
      clock.advance(1_000);
    }
    assert.equal(await authenticate(wrong), 'RateLimited 295000');
    assert.equal(await authenticate({ authorizations: [`Bearer ${right}`] }), 'in');
    clock.advance(294_999);
    assert.equal(await authenticate(wrong), 'RateLimited 1');
    clock.advance(1);
    assert.equal(await authenticate(wrong), 'Unauthenticated');
    assert.equal(refused.filter((reason) => reason === 'Unauthenticated').length, 6);
  });

  const causes: [string, Partial<DoorRequest>, RegExp][] = [
    ['nothing', {}, /^No token was sent\. Send it as "Authorization: Bearer <token>"\./],
    ['a wrong token', { authorizations: ['Bearer wrong'] }, /^This token does not hold here: /],
    [
      'another scheme',
      { authorizations: [`Basic ${right}`] },
      /^What was sent has not the form "Authorization: Bearer/,
    ],
    ['two tokens', { authorizations: ['Bearer a', 'Bearer b'] }, /^More than one token was sent\. Send one, /],
  ];
  for (const [name, parts, cause] of causes) {
    it(`says to ${name} why it was refused, and beyond the limit first that and then how long to wait`, async () => {
      const { clock, messageTo } = create();
      const first = await messageTo(parts);
      assert.match(first, cause);
      assert.doesNotMatch(first, /five minutes/);
      clock.advance(1);
      for (let attempt = 1; attempt < 5; attempt++) await messageTo({});
      clock.advance(999);
      const beyond = await messageTo(parts);
      assert.ok(beyond.startsWith(`${first} `), beyond);
      // 299,000 ms: what stands in Retry-After.
      assert.match(
        beyond,
        /5 failed attempts .* within five minutes: wait 299 s .* A right token is let in at any time\.$/,
      );
      clock.advance(1);
      assert.match(await messageTo(parts), /wait 299 s/);
    });
  }

  it('says to a foreign Host which names are answered, but none that was configured', () => {
    const { guard, request } = create({}, ['secret-name.example']);
    const { message = '' } = guard.checkAddress(request({ hosts: ['evil.example:80'] })) ?? {};
    assert.match(message, /127\.0\.0\.1, localhost or \[::1\].*--allowed-host NAME/);
    assert.doesNotMatch(message, /secret-name|evil/);
  });

  it('counts each address by itself, and refusals of Host and Origin against nobody', async () => {
    const { guard, request, authenticate } = create({ 'limits.failedAuthenticationsPer5Minutes': 1 });
    for (let attempt = 0; attempt < 10; attempt++) {
      assert.equal(guard.checkAddress(request({ hosts: ['evil.example'] }))?.reason, 'BadHost');
      assert.equal(guard.checkAddress(request({ origins: ['null'] }))?.reason, 'BadOrigin');
    }
    assert.equal(await authenticate({ remoteAddress: 'a' }), 'Unauthenticated');
    assert.equal(await authenticate({ remoteAddress: 'a' }), 'RateLimited 300000');
    assert.equal(await authenticate({ remoteAddress: 'b' }), 'Unauthenticated');
  });

  it('remembers the thousand addresses that failed last, and no more', async () => {
    const { authenticate } = create({ 'limits.failedAuthenticationsPer5Minutes': 1 });
    const address = (number: number) => ({ remoteAddress: `10.0.${number >> 8}.${number & 255}` });
    for (let number = 0; number < 1_000; number++) await authenticate(address(number));
    assert.equal(await authenticate(address(0)), 'RateLimited 300000', 'which makes it the latest');
    assert.equal(await authenticate(address(1_000)), 'Unauthenticated');
    assert.equal(await authenticate(address(1)), 'Unauthenticated', 'it was forgotten');
    assert.equal(await authenticate(address(0)), 'RateLimited 300000');
  });

  it('refuses a Host or an Origin that stands there twice, or no Host', () => {
    const { guard, request } = create({ 'security.allowedOrigins': ['https://a.example'] });
    const verdict = (parts: Partial<DoorRequest>) => guard.checkAddress(request(parts))?.reason;
    assert.equal(verdict({ hosts: ['127.0.0.1:80', '127.0.0.1:80'] }), 'BadHost');
    assert.equal(verdict({ hosts: [] }), 'BadHost');
    assert.equal(verdict({ origins: ['https://a.example', 'https://a.example'] }), 'BadHost');
    assert.equal(verdict({ origins: ['https://a.example'] }), undefined);
    assert.equal(verdict({ origins: ['https://b.example'] }), 'BadOrigin');
  });
});
