import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { settingsSnapshot } from '../../../server/protocol/settings.ts';
import type { Client } from '../../../server/src/base/handlers.ts';
import { currentRequest } from '../../../server/src/base/requestScope.ts';
import { RateLimiter } from '../../../server/src/rpc/rateLimiter.ts';
import { Router, type Answer, type HandlerTable } from '../../../server/src/rpc/router.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

const client: Client = {
  id: 'test-1',
  kind: 'lsp',
  scope: 'admin',
  notify: () => undefined,
  request: () => Promise.reject(new CodedError('Unsupported', 'This client answers nothing.')),
  onClosed: () => ({ dispose: () => undefined }),
};
const health = { status: 'ready', version: '1', uptimeMs: 1, restarts: 0, components: {} } as const;
const terminalId = '0123456789abcdef0123456789abcdef';
const never = new AbortController().signal;

function createRouter(handlers: HandlerTable, onForbidden: (method: string) => void = () => undefined) {
  const clock = new FakeClock();
  const { logger, lines } = recordingLogger();
  const settings = settingsSnapshot.parse({});
  const limiter = new RateLimiter({ get: (key) => settings[key] }, clock);
  return { router: new Router({ handlers, limiter, logger, clock, instanceId: 'i', onForbidden }), clock, lines };
}

function reasonOf(answer: Answer): string {
  assert.ok('error' in answer, 'expected an error');
  return answer.error.data.reason;
}

function nested(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels));
}

describe('The router', () => {
  it('answers a request with what the handler returned', async () => {
    const { router } = createRouter({ 'server/health': () => health });
    assert.deepEqual(await router.request(client, 'server/health', {}, never), { result: health });
  });

  it('takes a request without params as one with none', async () => {
    const { router } = createRouter({ 'server/health': () => health });
    assert.ok('result' in (await router.request(client, 'server/health', undefined, never)));
  });

  it('fills in the defaults of the contract before the handler sees the params', async () => {
    let seen: unknown;
    const handlers: HandlerTable = {
      'terminal/create': (params: unknown) => {
        seen = params;
        return { sessionId: terminalId, pid: 1, status: 'active', name: 'sh' };
      },
    };
    await createRouter(handlers).router.request(client, 'terminal/create', {}, never);
    assert.deepEqual(seen, { cols: 80, rows: 24 });
  });

  for (const method of [
    'nosuch/method',
    '',
    'toString',
    '__proto__',
    'constructor',
    'terminal/output',
    'editor/open',
    'session/cancel',
  ]) {
    it(`answers UnknownMethod for ${JSON.stringify(method)}`, async () => {
      const { router } = createRouter({ 'server/health': () => health });
      assert.equal(reasonOf(await router.request(client, method, {}, never)), 'UnknownMethod');
    });
  }

  const badParams: [string, unknown][] = [
    ['a wrong type', { sessionId: 5, data: 'x' }],
    ['a missing field', { sessionId: terminalId }],
    ['an extra key', { sessionId: terminalId, data: 'x', extra: 1 }],
    ['a key __proto__', JSON.parse(`{"sessionId":"${terminalId}","data":"x","__proto__":{"admin":true}}`)],
    ['an array', [1, 2]],
    ['a string', 'hello'],
    ['null inside', { sessionId: null, data: null }],
    ['a million levels of nesting', nested(1_000_000)],
    ['nesting inside a field', { sessionId: terminalId, data: nested(100_000) }],
    ['half a million values', Array.from({ length: 500_000 }, () => 0)],
  ];
  for (const [name, params] of badParams) {
    it(`answers InvalidParams for ${name}, and the handler never runs`, async () => {
      let ran = false;
      const handlers: HandlerTable = {
        'terminal/write': () => {
          ran = true;
          return {};
        },
      };
      const { router } = createRouter(handlers);
      assert.equal(reasonOf(await router.request(client, 'terminal/write', params, never)), 'InvalidParams');
      assert.equal(ran, false);
    });
  }

  it('crosses a coded error as it is', async () => {
    const handlers: HandlerTable = {
      'terminal/list': () => {
        throw new CodedError('ResourceLimit', 'Too many.', { args: { max: 3 } });
      },
    };
    const answer = await createRouter(handlers).router.request(client, 'terminal/list', {}, never);
    assert.ok('error' in answer);
    assert.equal(answer.error.code, -32016);
    assert.equal(answer.error.message, 'Too many.');
    assert.deepEqual(answer.error.data.args, { max: 3 });
  });

  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('secret path /home/x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret path /home/x'))],
    [
      'throws a string',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what careless code does
        throw 'secret path /home/x';
      },
    ],
    ['returns nonsense', () => ({ status: 'secret path /home/x' })],
    ['returns nothing', () => undefined],
  ];
  for (const [name, handler] of failures) {
    it(`masks a handler that ${name} behind a correlation id that the log explains`, async () => {
      const { router, lines } = createRouter({ 'server/health': handler });
      const answer = await router.request(client, 'server/health', {}, never);
      assert.ok('error' in answer);
      assert.equal(answer.error.data.reason, 'Internal');
      assert.ok(!JSON.stringify(answer).includes('secret'), 'nothing of the cause crosses');
      assert.ok(lines.some((line) => line.startsWith('error') && line.includes(answer.error.data.correlationId)));
      assert.ok(
        'error' in (await router.request(client, 'server/health', {}, never)),
        'and the next one is answered too',
      );
    });
  }

  it('answers TimedOut when a handler never returns, and aborts its signal', async () => {
    let signal: AbortSignal | undefined;
    const handlers: HandlerTable = {
      'server/health': (_params: unknown, context: { signal: AbortSignal }) => {
        signal = context.signal;
        return new Promise(() => undefined);
      },
    };
    const { router, clock } = createRouter(handlers);
    const answer = router.request(client, 'server/health', {}, never);
    await Promise.resolve();
    clock.advance(4_999);
    assert.equal(signal?.aborted, false);
    clock.advance(1);
    assert.equal(reasonOf(await answer), 'TimedOut');
    assert.equal(signal.aborted, true);
    router.dispose();
    assert.equal(clock.pending, 0);
  });

  it('answers Cancelled at once when the caller cancels, even if the handler goes on', async () => {
    const caller = new AbortController();
    const { router, clock } = createRouter({ 'server/health': () => new Promise(() => undefined) });
    const answer = router.request(client, 'server/health', {}, caller.signal);
    caller.abort();
    assert.equal(reasonOf(await answer), 'Cancelled');
    assert.equal(clock.pending, 0);
  });

  it('does not run a handler for a caller that has already cancelled', async () => {
    let ran = false;
    const handlers: HandlerTable = {
      'server/health': () => {
        ran = true;
        return health;
      },
    };
    const { router } = createRouter(handlers);
    assert.equal(reasonOf(await router.request(client, 'server/health', {}, AbortSignal.abort())), 'Cancelled');
    assert.equal(ran, false);
  });

  it('counts a call against its limit before it looks at the params', async () => {
    let created = 0;
    const handlers: HandlerTable = {
      'terminal/create': () => {
        created += 1;
        return { sessionId: terminalId, pid: 1, status: 'active', name: 'sh' };
      },
      'terminal/write': () => ({}),
    };
    const { router, clock } = createRouter(handlers);
    const create = (params: unknown) => router.request(client, 'terminal/create', params, never);
    for (let call = 0; call < 9; call++) assert.ok('result' in (await create({})));
    assert.equal(reasonOf(await create({ cols: 'many' })), 'InvalidParams');
    const refused = await create({ cols: 'many' });
    assert.ok('error' in refused);
    assert.equal(refused.error.data.reason, 'RateLimited');
    assert.equal(refused.error.data.retryable, true);
    assert.deepEqual(refused.error.data.args, { max: 10, retryAfterMs: 1_000 });
    const write = { sessionId: terminalId, data: 'x' };
    assert.ok('result' in (await router.request(client, 'terminal/write', write, never)), 'typing does not count');
    clock.advance(1_000);
    assert.ok('result' in (await create({})));
    assert.equal(created, 10);
  });

  it('refuses a request that the scope of its client does not hold, before it looks at anything', async () => {
    const reader: Client = { ...client, kind: 'http', scope: 'read', tokenId: 'one' };
    let ran = 0;
    const handlers: HandlerTable = { 'terminal/rename': () => ++ran && {}, 'server/health': () => health };
    const { router } = createRouter(handlers);
    for (let call = 0; call < 100; call++) {
      assert.equal(reasonOf(await router.request(reader, 'terminal/rename', { nonsense: true }, never)), 'Forbidden');
    }
    assert.ok('result' in (await router.request(reader, 'server/health', {}, never)));
    assert.deepEqual(
      [ran, router.methods(reader), router.methods({ ...reader, scope: 'terminal' })],
      [0, ['server/health'], ['server/health', 'terminal/rename']],
    );
  });

  it('passes over a notification that the scope of its client does not hold', async () => {
    const seen: string[] = [];
    const { router, lines } = createRouter({
      'settings/changed': (_params, { client: from }) => void seen.push(from.scope),
    });
    for (const scope of ['read', 'terminal', 'agent', 'admin'] as const) {
      await router.notification({ ...client, scope }, 'settings/changed', { settings: {} });
    }
    assert.deepEqual(seen, ['admin']);
    assert.equal(lines.filter((line) => line.includes('Forbidden')).length, 3);
  });

  it('refuses what could harm the code behind it, also where the schema lets further fields through', async () => {
    const { router } = createRouter({ 'session/new': () => ({ sessionId: 'abcdefgh', configOptions: [] }) });
    const many = JSON.stringify({ many: Array.from({ length: 200_001 }, () => 0) });
    for (const more of [JSON.stringify({ deep: nested(100) }), '{"__proto__": {}}', many]) {
      const params: unknown = JSON.parse(more.replace('{', '{"cwd": "/", '));
      assert.equal(
        reasonOf(await router.request(client, 'session/new', params, never)),
        'InvalidParams',
        more.slice(0, 50),
      );
    }
  });

  it('says nothing of what looks like no name of a method, and gives a name back', async () => {
    const { router } = createRouter({});
    for (const name of ['no/such', '$/no.such', 'a-b_c/d1']) {
      const answer = await router.request(client, name, {}, never);
      assert.ok('error' in answer && answer.error.message.includes(`"${name}"`), name);
    }
    const answer = await router.request(client, `a\x1b]0;b\x07\u202ec${'d'.repeat(1_000)}`, {}, never);
    assert.ok('error' in answer);
    assert.doesNotMatch(answer.error.message, /[\p{Cc}\p{Cf}]|dd/u);
    assert.ok(answer.error.message.length < 200);
  });

  it('names a key that is too many with its control characters replaced, and not more of it than helps', async () => {
    const { router } = createRouter({ 'server/capabilities': () => ({ methods: [] }) });
    const params = { [`a\x1b]0;b\x07\u202ec${'d'.repeat(1_000)}`]: 1 };
    const answer = await router.request(client, 'server/capabilities', params, never);
    assert.ok('error' in answer);
    assert.match(answer.error.message, /"a\ufffd]0;b\ufffd\ufffdcdd/);
    assert.ok(answer.error.message.length < 600);
  });

  it('leaves no half of a secret where it cuts off what is wrong', async () => {
    const { router } = createRouter({ 'server/capabilities': () => ({ methods: [] }) });
    const secret = `sk-${'x'.repeat(40)}`;
    for (let before = 440; before < 500; before += 5) {
      const params = { [`${'d'.repeat(before)} ${secret}`]: 1 };
      const answer = await router.request(client, 'server/capabilities', params, never);
      assert.ok('error' in answer);
      assert.doesNotMatch(answer.error.message, /x{8}/);
    }
  });

  it('counts what it does not know, so that to guess names is not free', async () => {
    const { router } = createRouter({});
    const guesser: Client = { ...client, kind: 'webSocket', tokenId: 'one' };
    const reasons = new Map<string, number>();
    for (let call = 0; call < 1_100; call++) {
      const reason = reasonOf(await router.request(guesser, `no/such${call}`, {}, never));
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    assert.deepEqual(
      [...reasons],
      [
        ['UnknownMethod', 1_000],
        ['RateLimited', 100],
      ],
    );
  });

  it('counts what a client may not call, and tells of it on behalf of that client', async () => {
    const told: unknown[] = [];
    const { router } = createRouter({ 'terminal/write': () => assert.fail('nobody may call this') }, (method) => {
      told.push([method, currentRequest()?.client.id]);
    });
    const reader: Client = { ...client, kind: 'http', scope: 'read' };
    const ask = async (): Promise<string> => reasonOf(await router.request(reader, 'terminal/write', {}, never));
    for (let count = 0; count < 100; count++) assert.equal(await ask(), 'Forbidden');
    assert.deepEqual([await ask(), told.length, told[0]], ['RateLimited', 100, ['terminal/write', 'test-1']]);
  });

  it('counts notifications that there is not', async () => {
    const { router, lines } = createRouter({});
    const outside: Client = { ...client, kind: 'webSocket' };
    for (let count = 0; count < 1_000; count++) await router.notification(outside, 'nosuch/thing', {});
    assert.ok(!lines.some((line) => line.includes('RateLimited')));
    await router.notification(outside, 'nosuch/thing', {});
    assert.ok(lines.some((line) => line.includes('RateLimited')));
  });

  it('logs a notification that fails, and goes on', async () => {
    const handlers: HandlerTable = {
      'session/cancel': () => {
        throw new Error('boom');
      },
    };
    const { router, lines } = createRouter(handlers);
    await router.notification(client, 'session/cancel', { sessionId: 'abcdefgh' });
    await router.notification(client, 'session/cancel', { sessionId: 7 });
    await router.notification(client, 'nosuch/thing', nested(1_000_000));
    assert.equal(lines.filter((line) => line.includes('session/cancel')).length, 2);
  });

  it('asks for params that have not arrived yet only where the call may be made', async () => {
    const { router } = createRouter({
      'server/health': () => health,
      'server/info': () => ({ version: '1' }),
      'terminal/list': () => ({ terminals: [] }),
    });
    let asked = 0;
    const source = (): Promise<unknown> => {
      asked += 1;
      return Promise.resolve({});
    };
    const http: Client = { ...client, kind: 'http', tokenId: 'one', scope: 'read' };
    assert.equal(reasonOf(await router.request(http, 'no/such', source, never)), 'UnknownMethod');
    assert.equal(reasonOf(await router.request(http, 'terminal/create', source, never)), 'UnknownMethod');
    assert.equal(asked, 0);
    for (let call = 0; call < 98; call++) {
      assert.ok('result' in (await router.request(http, 'terminal/list', source, never)));
    }
    assert.equal(asked, 98);
    assert.equal(reasonOf(await router.request(http, 'terminal/list', source, never)), 'RateLimited');
    assert.throws(() => router.admit(http, '/metrics'), { reason: 'RateLimited' });
    assert.equal(asked, 98);
  });

  it('refuses without asking for the params what the scope does not hold', async () => {
    const { router } = createRouter({ 'terminal/create': () => undefined });
    const reader: Client = { ...client, scope: 'read' };
    const source = (): Promise<unknown> => assert.fail('the params were asked for');
    assert.equal(reasonOf(await router.request(reader, 'terminal/create', source, never)), 'Forbidden');
  });

  it('answers why the params could not be had', async () => {
    const { router } = createRouter({ 'server/health': () => health });
    const source = (): Promise<unknown> => Promise.reject(new CodedError('TooLarge', 'Too much.'));
    assert.equal(reasonOf(await router.request(client, 'server/health', source, never)), 'TooLarge');
  });

  it('logs ten refusals of a reason in a minute, and how many more there were', async () => {
    const { router, clock, lines } = createRouter({ 'server/health': () => health });
    const refused = (): string[] => lines.filter((line) => line.startsWith('info'));
    for (let call = 0; call < 50_000; call++) await router.request(client, 'no/such', {}, never);
    await router.request(client, 'server/health', { extra: 1 }, never);
    assert.equal(refused().filter((line) => line.includes('reason=UnknownMethod')).length, 10);
    assert.equal(refused().filter((line) => line.includes('reason=InvalidParams')).length, 1);
    clock.advance(60_000);
    assert.equal(refused().length, 12);
    assert.match(refused().at(-1) ?? '', /reason=UnknownMethod more=49990 withinMs=60000/);
    await router.request(client, 'no/such', {}, never);
    assert.equal(refused().length, 13);
    router.dispose();
    assert.equal(clock.pending, 0);
  });
});
