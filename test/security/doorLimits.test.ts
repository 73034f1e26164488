import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { Socket } from 'node:net';
import type { HttpTransport } from '../../server/src/transports/httpTransport.ts';
import { headersOf, RawConnection } from '../support/attacks/rawConnection.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { openInProcessDoor, type InProcessDoor } from '../support/inProcessDoor.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

interface Seen {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
}

const terminal = {
  ...{
    sessionId: '0'.repeat(32),
    pid: 1,
    name: 'sh',
    shell: '/bin/sh',
    cwd: '/',
    currentFolder: '/',
    cols: 80,
    rows: 24,
  },
  ...{ owner: { kind: 'person' }, createdAt: 1, status: 'active', producedBytes: 0, hasShellIntegration: false },
};

interface BegunOptions {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
}

/** Who has a token may ask for so much a minute, whatever it asks for, and before anything of it is read. */
describe('The limits of the HTTP door', () => {
  const max = 5;
  const requests: http.ClientRequest[] = [];
  const sockets: Socket[] = [];
  let clock: FakeClock;
  let transport: HttpTransport;
  let url: URL;
  let tokens = 0;
  /** Called by the next `server/capabilities`, before it is answered. */
  let onCall: (() => void) | undefined;
  let watched: InProcessDoor['watched'];

  before(async () => {
    clock = new FakeClock();
    const handlers = {
      'server/health': () => ({ status: 'ready', version: '1', uptimeMs: 1, restarts: 0, components: {} }),
      'server/capabilities': () => ({ methods: [] }),
      'terminal/create': () => assert.fail('nobody may call this'),
      'terminal/attach': () => {
        onCall?.();
        return { terminal, fromOffset: 0 };
      },
    };
    ({ transport, url, watched } = await openInProcessDoor({
      handlers,
      settings: { 'limits.apiPerMinute': max },
      limitClock: clock,
      // More than what the system holds of an answer that nobody reads.
      openApi: () => 'x'.repeat(8 * 1024 * 1024),
      times: { headersMs: 2_000, requestMs: 3_000, unreadAnswerMs: 2_000 },
    }));
  });
  afterEach(async () => {
    for (const request of requests.splice(0)) request.destroy();
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor('the connections to be gone', () => transport.connections().open === 0);
    assert.equal(watched.size, 0, 'nobody is watched any more');
  });
  after(() => transport.dispose());

  /** Begins a request, of which the body has not been sent. */
  function begin(path: string, token: string, options: BegunOptions = {}): http.ClientRequest {
    const request = http.request(new URL(path, url), {
      agent: false,
      ...options,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers },
    });
    request.on('error', () => undefined);
    requests.push(request);
    return request;
  }
  /** What is answered to its headers. */
  async function seen(request: http.ClientRequest): Promise<Seen> {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers };
  }
  const nextToken = (): string => `token${++tokens}`;

  const paths: [string, string, number][] = [
    ['GET', '/api', 200],
    ['GET', '/openapi.json', 200],
    ['GET', '/metrics', 200],
    ['GET', '/events', 200],
    ['GET', `/events?terminal=${'0'.repeat(32)}`, 200],
    ['GET', '/nowhere', 404],
    ['PUT', '/metrics', 405],
    ['GET', '/api/server/capabilities', 405],
    ['POST', '/api/server/capabilities', 200],
    ['POST', '/api/no/such', 404],
  ];
  for (const [method, path, status] of paths) {
    it(`count ${method} ${path}: the fifth of a minute is answered, the sixth is not, and more when that is over`, async () => {
      const token = nextToken();
      const ask = async (): Promise<Seen> => {
        const request = begin(path, token, { method });
        request.end();
        const answer = await seen(request);
        request.destroy();
        return answer;
      };
      for (let call = 1; call <= max; call++) assert.equal((await ask()).status, status, `call ${call}`);
      const refused = await ask();
      assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '60']);
      clock.advance(59_999);
      assert.equal((await ask()).headers['retry-after'], '1');
      clock.advance(1);
      assert.equal((await ask()).status, status);
    });
  }

  it('count all paths together, and each token for itself', async () => {
    const token = nextToken();
    for (const path of ['/api', '/metrics', '/events', '/openapi.json', '/nowhere']) {
      const request = begin(path, token);
      request.end();
      await seen(request);
    }
    const [sixth, other] = [begin('/api', token), begin('/api', nextToken())];
    for (const request of [sixth, other]) request.end();
    assert.deepEqual([(await seen(sixth)).status, (await seen(other)).status], [429, 200]);
  });

  it('are answered with an id under which the log has them, as is whatever else refuses who was let in', async () => {
    // One of its own: of many refusals of a reason the log has the first ones.
    const door = await openInProcessDoor({ handlers: {}, settings: { 'limits.apiPerMinute': max }, limitClock: clock });
    const token = nextToken();
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
    const key = { 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
    const asked: [string, BegunOptions, string][] = [
      ['/nowhere', {}, 'NotFound'],
      ['/metrics', { method: 'PUT' }, 'MethodNotAllowed'],
      ['/events?foo=1', {}, 'InvalidParams'],
      ['/nowhere', { headers: { ...upgrade, ...key } }, 'NotFound'],
      ['/ws', { headers: upgrade }, 'InvalidRequest'],
      ['/metrics', {}, 'RateLimited'],
      ['/ws', { headers: { ...upgrade, ...key } }, 'RateLimited'],
    ];
    const ids = new Set<string>();
    for (const [path, options, reason] of asked) {
      const request = begin(new URL(path, door.url).href, token, options);
      request.end();
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      for await (const part of response as AsyncIterable<Buffer>) text += part.toString();
      const { error, correlationId } = JSON.parse(text) as { error: string; correlationId: string };
      assert.equal(error, reason, path);
      assert.ok(
        door.log.some((line) => line.includes(`correlationId=${correlationId} `) && line.includes(reason)),
        `${path} ${text}`,
      );
      ids.add(correlationId);
    }
    assert.equal(ids.size, asked.length);
    for (const request of requests) request.destroy();
    await waitFor('the connections to be gone', () => door.transport.connections().open === 0);
    door.transport.dispose();
  });

  it('count WebSockets that are opened', async () => {
    const server = { url, token: nextToken() };
    for (let call = 1; call <= max; call++) await (await WebSocketClient.open(server)).close();
    await assert.rejects(WebSocketClient.open(server), /HTTP 429/);
    clock.advance(60_000);
    await (await WebSocketClient.open(server)).close();
  });

  it('count no health, for which monitors ask every few seconds', async () => {
    const token = nextToken();
    for (let call = 0; call < 3 * max; call++) {
      const request = begin('/api/server/health', token, { method: 'POST' });
      request.end('{}');
      assert.equal((await seen(request)).status, 200);
    }
  });

  const refusals: [string, string, http.OutgoingHttpHeaders, number][] = [
    ['who is over the limit', '/api/server/capabilities', {}, 429],
    ['what there is not', '/api/no/such', {}, 404],
    ['who may not', '/api/terminal/create', {}, 403],
    ['what is no JSON', '/api/server/health', { 'content-type': 'text/plain' }, 415],
    ['what is too large', '/api/server/health', { 'content-length': 5 * 1024 * 1024 }, 413],
  ];
  for (const [name, path, headers, status] of refusals) {
    it(`refuse ${name} before anything of the body has come`, async () => {
      const token = nextToken();
      if (status === 429) {
        for (let call = 0; call < max; call++) {
          const request = begin('/api', token);
          request.end();
          await seen(request);
        }
      }
      const request = begin(path, token, { method: 'POST', headers });
      request.flushHeaders();
      assert.equal((await seen(request)).status, status);
    });

    it(`give ${name} no leave to send a body that waits for it`, async () => {
      const token = nextToken();
      if (status === 429) {
        for (let call = 0; call < max; call++) {
          const request = begin('/api', token);
          request.end();
          await seen(request);
        }
      }
      const request = begin(path, token, { method: 'POST', headers: { ...headers, expect: '100-continue' } });
      let mayGoOn = false;
      request.on('continue', () => (mayGoOn = true));
      assert.deepEqual([(await seen(request)).status, mayGoOn], [status, false]);
    });
  }

  it('give leave to send a body to who waits for it and may', async () => {
    const headers = { expect: '100-continue', 'content-length': 2 };
    const request = begin('/api/server/capabilities', nextToken(), { method: 'POST', headers });
    request.once('continue', () => request.end('{}'));
    assert.equal((await seen(request)).status, 200);
  });

  /** A connection on which these bytes were sent. */
  async function pipelined(bytes: string): Promise<RawConnection> {
    const connection = await RawConnection.open({ url });
    sockets.push(connection.socket);
    connection.socket.write(bytes);
    return connection;
  }
  const statuses = ({ received }: RawConnection): string[] =>
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
  const requestOf = (path: string, host = url.host): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`;

  for (const path of ['/health', '/api']) {
    it(`answer a stranger on one connection as often as a token, and end it with the next: ${path}`, async () => {
      const connection = await pipelined(`${requestOf(path)}\r\n`.repeat(200));
      await connection.ended('too many requests');
      const seenStatuses = statuses(connection);
      assert.equal(seenStatuses.length, max + 1);
      assert.equal(seenStatuses.at(-1), '429');
      const last = connection.received.slice(connection.received.lastIndexOf('HTTP/1.1 '));
      const headers = headersOf(last);
      assert.deepEqual([headers['retry-after'], headers['connection']], ['60', 'close']);
      assert.match(last, /"RateLimited"/);
    });
  }

  it('let who has shown a token ask for health as often as before', async () => {
    const token = `${requestOf('/api')}Authorization: Bearer ${nextToken()}\r\n\r\n`;
    const connection = await pipelined(token);
    await waitFor('the token to be known', () => statuses(connection).length === 1);
    connection.socket.write(`${requestOf('/health')}\r\n`.repeat(3 * max));
    await waitFor('all answers', () => statuses(connection).length === 1 + 3 * max);
    assert.deepEqual([...new Set(statuses(connection))], ['200']);
  });

  it('end the connection of a stranger that names a foreign host, with one answer', async () => {
    const connection = await pipelined(`${requestOf('/health', 'evil.example')}\r\n`.repeat(100));
    await connection.ended('the foreign host');
    assert.deepEqual(statuses(connection), ['421']);
  });

  it('cut off who sends more requests than may wait for their answers', async () => {
    const token = `Authorization: Bearer ${nextToken()}\r\n\r\n`;
    const connection = await pipelined(`${requestOf('/nowhere')}${token}`.repeat(300));
    await connection.ended('too many at once');
    assert.ok(statuses(connection).length < 300);
  });

  /** One that asks for more than the system holds, and reads nothing. */
  async function deaf(token: string): Promise<RawConnection> {
    const connection = await RawConnection.open({ url });
    sockets.push(connection.socket);
    connection.socket.pause();
    connection.socket.write(`${requestOf('/openapi.json')}Authorization: Bearer ${token}\r\n\r\n`.repeat(3));
    return connection;
  }

  it('cut off who reads nothing of its answers', async () => {
    await deaf(nextToken());
    await waitFor('it to be watched', () => watched.size === 1);
    await waitFor('it to be cut off', () => transport.connections().open === 0);
  });

  it('answer 408 to who takes too long over its headers', async () => {
    const times = { headersMs: 1_000, requestMs: 60_000, unreadAnswerMs: 60_000 };
    // By whose time the stranger's own limit never comes.
    const door = await openInProcessDoor({ handlers: {}, times, clock: new FakeClock() });
    const connection = await RawConnection.open(door);
    try {
      connection.socket.write('GET /api');
      await connection.ended('slow headers');
      assert.deepEqual(statuses(connection), ['408']);
    } finally {
      connection.socket.destroy();
      door.transport.dispose();
    }
  });

  it('answer 408 to who takes too long over a body', async () => {
    const connection = await pipelined(
      `POST /api/server/health HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${nextToken()}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
    );
    await connection.ended('a slow body');
    assert.deepEqual(statuses(connection), ['408']);
  });

  it('let an answer that is being sent end with its token', async () => {
    const token = nextToken();
    await deaf(token);
    const onEnded = await waitFor('it to be watched', () => watched.get(token));
    const startedAt = performance.now();
    onEnded();
    await waitFor('it to end', () => transport.connections().open === 0);
    assert.ok(performance.now() - startedAt < 1_500, 'before the time of an answer that nobody reads is over');
  });

  it('let an event stream end with its token, even while it attaches', async () => {
    const token = nextToken();
    onCall = () => watched.get(token)?.();
    const request = begin(`/events?terminal=${'0'.repeat(32)}`, token);
    const closed = new Promise((resolve) => request.once('close', resolve));
    let status: number | undefined;
    request.on('response', (response) => (status = response.statusCode));
    request.end();
    await closed;
    onCall = undefined;
    assert.equal(status, undefined);
    assert.equal(transport.connections().eventStreams, 0);
  });
});
