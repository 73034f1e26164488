import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The server on stdin and stdout', () => {
  const folder = temporaryFolder();
  let server: StdioServer;

  beforeEach(() => {
    server = new StdioServer(folder.path);
  });
  afterEach(() => server.stop());
  after(() => folder.remove());

  it('shakes hands and answers health', async () => {
    const answer = await server.initialize();
    const { aiDevAssistant } = answer.result as { aiDevAssistant: { contractVersion: object } };
    assert.deepEqual(aiDevAssistant.contractVersion, { major: 1, minor: 0 });
    assert.equal((await server.result('server/health', {}))['status'], 'ready');
  });

  it('says that it has recovered when its client had to restart it', async () => {
    await server.initialize({ restarts: 2 });
    const health = await server.result('server/health', {});
    assert.equal(health['status'], 'recovered');
    assert.equal(health['restarts'], 2);
  });

  it('serves an editor that knows nothing of it', async () => {
    const answer = await server.request('initialize', { processId: null, rootUri: null, capabilities: {} });
    assert.equal(answer.error, undefined);
  });

  it('has the settings of the data folder where the editor brings none, also after they change', async () => {
    const file = path.join(folder.path, 'settings.json');
    const listModels = async (): Promise<unknown> => (await server.result('model/status', {}))['providers'];
    try {
      writeFileSync(file, '{"providers.ollama.baseUrl": "http://127.0.0.1:9/first"}');
      await server.request('initialize', { processId: null, rootUri: null, capabilities: {} });
      assert.match(JSON.stringify(await listModels()), /127\.0\.0\.1:9\/first/);
      writeFileSync(file, '{"providers.ollama.baseUrl": "http://127.0.0.1:9/the-second"}');
      await waitFor('the change', async () => JSON.stringify(await listModels()).includes('the-second'));
    } finally {
      rmSync(file);
    }
  });

  it('refuses a client of another major version of the contract with both versions named', async () => {
    const answer = await server.initialize({ contractVersion: { major: 2, minor: 0 } });
    assert.equal(answer.error?.data?.reason, 'Unsupported');
    assert.match(answer.error.message, /1\.0.*2\.0/);
  });

  it('refuses requests before the handshake, and takes them after it', async () => {
    assert.equal((await server.request('server/health', {})).error?.data?.reason, 'Unavailable');
    await server.initialize();
    assert.equal((await server.request('server/health', {})).error, undefined);
  });

  const answered: [string, string, number | null, string][] = [
    ['no JSON', '{oops', null, 'ParseError'],
    ['a batch', '[{"jsonrpc":"2.0","id":7,"method":"server/health"}]', null, 'InvalidRequest'],
    ['a bare string', '"hello"', null, 'InvalidRequest'],
    ['no method', '{"jsonrpc":"2.0","id":41}', 41, 'InvalidRequest'],
    ['a method that is no string', '{"jsonrpc":"2.0","id":42,"method":5}', 42, 'InvalidRequest'],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":43,"method":"server/health"}', 43, 'InvalidRequest'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"server/health"}', null, 'InvalidRequest'],
    ['an id of null', '{"jsonrpc":"2.0","id":null,"method":"server/health","params":{}}', null, 'InvalidRequest'],
    ['an unknown method', '{"jsonrpc":"2.0","id":44,"method":"nosuch/method","params":{}}', 44, 'UnknownMethod'],
    ['an extra key', '{"jsonrpc":"2.0","id":45,"method":"server/health","params":{"x":1}}', 45, 'InvalidParams'],
    [
      'a key __proto__',
      '{"jsonrpc":"2.0","id":46,"method":"server/health","params":{"__proto__":{"a":1}}}',
      46,
      'InvalidParams',
    ],
    [
      'a million levels of nesting',
      `{"jsonrpc":"2.0","id":47,"method":"server/health","params":{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}}`,
      47,
      'InvalidParams',
    ],
  ];
  for (const [name, body, id, reason] of answered) {
    it(`answers ${reason} to ${name}, and goes on`, async () => {
      await server.initialize();
      server.sendBody(body);
      assert.equal((await server.answerTo(id)).error?.data?.reason, reason);
      assert.equal((await server.request('server/health', {})).error, undefined);
    });
  }

  const fatal: [string, string | Buffer][] = [
    ['a body of 64 MiB', `Content-Length: ${64 * 1024 * 1024}\r\n\r\n`],
    ['an HTTP request', 'POST /api/server/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{}'],
    ['a negative length', 'Content-Length: -5\r\n\r\n'],
    ['random bytes', Buffer.alloc(10_000, 0xff)],
  ];
  for (const [name, bytes] of fatal) {
    it(`says why and ends on ${name}, since nothing after it can be understood`, async () => {
      await server.initialize();
      server.sendBytes(bytes);
      assert.equal((await server.answerTo(null)).error?.data?.reason, 'ParseError');
      await server.exit();
    });
  }

  it('ends when its client closes stdin', async () => {
    await server.initialize();
    server.child.stdin?.end();
    await server.exit();
    assert.equal(server.child.exitCode, 0);
  });

  it('answers one request for each id, says so of the others, and nothing to an error that answers nothing', async () => {
    await server.initialize();
    // In one piece, so that none is answered before all have come.
    const frames = [70, '70', 70].map((id) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'server/health', params: {} });
      return `Content-Length: ${body.length}\r\n\r\n${body}`;
    });
    server.sendBytes(frames.join(''));
    server.sendBody('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"what was that?"}}');
    assert.equal((await server.answerTo(70)).error, undefined);
    assert.equal((await server.request('server/health', {})).error, undefined);
    const others = server.messages.filter(({ id }) => id === null);
    assert.deepEqual(
      others.map(({ error }) => error?.data?.reason),
      ['InvalidRequest', 'InvalidRequest'],
    );
    assert.equal(server.messages.filter(({ id }) => String(id) === '70').length, 1);
  });

  it('ends where more than 64 MiB wait for a client that does not read', async () => {
    await server.initialize();
    server.child.stdout?.pause();
    // Several thousand characters each.
    const ask = (id: number): void =>
      server.sendBody(JSON.stringify({ jsonrpc: '2.0', id, method: 'server/capabilities' }));
    let sent = 1_000_000;
    await waitFor(
      'it to end',
      () => {
        for (const end = sent + 1_000; !server.hasExited && sent < end; sent++) ask(sent);
        return server.hasExited;
      },
      60_000,
    );
    assert.match(server.stderr, /The client does not read/);
    assert.equal(server.child.exitCode, 0);
  });
});
