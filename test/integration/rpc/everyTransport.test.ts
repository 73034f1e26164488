import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ClientToServerMethod, ParamsOf } from '../../../server/protocol/contract.ts';
import { declarationOf } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { clientRequests } from '../../../server/protocol/openApi.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { says } from '../../support/modelScript.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';
import { WindowServer } from '../../support/windowServer.ts';

/** A way to call a server, and what ends it. */
interface Transport {
  /** The reason of the error, or the result. */
  readonly request: (
    method: string,
    params: unknown,
  ) => Promise<{ readonly reason?: string; readonly result?: unknown }>;
  readonly close: () => Promise<void>;
}

type Opener = (dataFolder: string, settings: Readonly<Record<string, unknown>>) => Promise<Transport>;

const transports: Readonly<Record<string, Opener>> = {
  'standard input and output': async (dataFolder, settings) => {
    const server = new StdioServer(dataFolder);
    await server.initialize({ settings });
    return {
      request: async (method, params) => {
        const { result, error } = await server.request(method, params);
        return error ? { reason: error.data?.reason ?? error.message } : { result };
      },
      close: () => server.stop(),
    };
  },
  'the channel of the extension': async (dataFolder, settings) => {
    const server = await WindowServer.start(dataFolder, { settings });
    return {
      request: async (method, params) => {
        try {
          return {
            result: await server.call(method as ClientToServerMethod, params as ParamsOf<ClientToServerMethod>),
          };
        } catch (error) {
          if (error instanceof CodedError) return { reason: error.reason };
          throw error;
        }
      },
      close: () => server.kill('SIGKILL'),
    };
  },
  WebSocket: async (dataFolder, settings) => {
    const server = await serve(dataFolder, settings);
    const client = await WebSocketClient.open(server);
    return {
      request: async (method, params) => {
        const { result, error } = await client.request(method, params);
        return error ? { reason: error.data.reason } : { result };
      },
      close: async () => {
        await client.close();
        await server.stop();
      },
    };
  },
  HTTP: async (dataFolder, settings) => {
    const server = await serve(dataFolder, settings);
    return {
      request: async (method, params) => {
        const { status, body } = await server.call(method, params);
        return status === 200 ? { result: body } : { reason: String(body['error']) };
      },
      close: async () => {
        await server.stop();
      },
    };
  },
};

function serve(dataFolder: string, settings: object): Promise<HttpServer> {
  writeFileSync(path.join(dataFolder, 'settings.json'), JSON.stringify(settings));
  return HttpServer.start(dataFolder, ['--log-level', 'off']);
}

const nobody = { terminal: '0'.repeat(32), conversation: '00000000-0000-4000-8000-000000000000' };

/** Goes through what a client does in its life, and gives each call with what became of it. */
async function walkThrough(transport: Transport, folder: string): Promise<string[]> {
  const outcomes: string[] = [];
  const call = async (method: ClientToServerMethod, params: object): Promise<Record<string, unknown>> => {
    const { reason, result } = await transport.request(method, params);
    const declaration = declarationOf(method);
    assert.ok(declaration?.kind === 'request');
    if (reason === undefined) declaration.result.parse(result);
    outcomes.push(`${method}: ${reason ?? 'done'}`);
    return (result ?? {}) as Record<string, unknown>;
  };
  for (const method of [
    'server/health',
    'server/info',
    'server/capabilities',
    'cache/stats',
    'terminal/shells',
  ] as const)
    await call(method, {});

  const { sessionId: terminal } = await call('terminal/create', { shell: 'sh', cwd: folder });
  const ofTerminal = { sessionId: terminal };
  await call('terminal/attach', ofTerminal);
  await call('terminal/resize', { ...ofTerminal, cols: 100, rows: 30 });
  await call('terminal/rename', { ...ofTerminal, name: 'mine' });
  await call('terminal/write', { ...ofTerminal, data: 'echo $((40 + 2))\n' });
  await waitFor('the answer of the shell', async () => {
    const { result } = await transport.request('terminal/snapshot', ofTerminal);
    return (result as { text: string }).text.includes('42');
  });
  await call('terminal/snapshot', ofTerminal);
  for (const method of ['terminal/list', 'terminal/commands', 'terminal/readOutput', 'terminal/detach'] as const)
    await call(method, method === 'terminal/list' ? {} : ofTerminal);
  await call('terminal/signal', { ...ofTerminal, signal: 'SIGINT' });
  const { output } = await call('terminal/run', { command: 'echo ran', cwd: folder });
  assert.match(String(output), /ran/);
  await call('terminal/background', { sessionId: nobody.terminal });
  await call('terminal/close', ofTerminal);
  await call('terminal/write', { sessionId: nobody.terminal, data: 'x' });
  await call('terminal/create', { cwd: path.join(folder, 'not there') });

  await call('model/list', { refresh: true });
  await call('model/status', {});
  const { sessionId: conversation } = await call('session/new', { cwd: folder });
  const ofConversation = { sessionId: conversation };
  await call('session/attach', ofConversation);
  await call('session/set_config_option', {
    ...ofConversation,
    configId: 'model',
    value: 'openai-compatible/test-model',
  });
  const { stopReason } = await call('session/prompt', {
    ...ofConversation,
    prompt: [{ type: 'text', text: 'is there a walrus' }],
  });
  assert.equal(stopReason, 'end_turn');
  await call('session/continue', ofConversation);
  await call('session/events', { ...ofConversation, beforeSequence: 1_000 });
  await call('session/commands', ofConversation);
  await call('session/answer_permission', { ...ofConversation, requestId: 'none', optionId: 'allow_once' });
  await call('session/detach', ofConversation);
  await call('session/prompt', { sessionId: nobody.conversation, prompt: [{ type: 'text', text: 'x' }] });
  await call('conversation/rename', { ...ofConversation, title: 'Another title' });
  const { hits } = await call('conversation/search', { query: 'walrus' });
  assert.ok((hits as unknown[]).length > 0);
  await call('conversation/usage', {});
  const { content } = await call('conversation/export', { ...ofConversation, format: 'json' });
  await call('conversation/import', { content, cwd: folder });
  const { sessions } = await call('session/list', {});
  assert.equal((sessions as unknown[]).length, 2);

  const { backup } = await call('backup/create', {});
  const { id } = backup as { id: string };
  await call('backup/list', {});
  await call('backup/verify', { id });
  await call('session/delete', ofConversation);
  await call('backup/restore', { id });
  await call('backup/restore', { id: 'no such backup' });

  const { tokenId } = await call('security/issue', { name: 'guest', scope: 'read' });
  await call('security/tokens', {});
  const { tokenId: next } = await call('security/rotate', { tokenId });
  await call('security/revoke', { tokenId: next ?? 'none' });
  await call('audit/query', {});
  await call('audit/verify', {});
  await call('audit/delete', { before: '2020-01-01T00:00:00.000Z' });
  await call('cache/clear', {});

  await call('terminal/resize', { sessionId: 'not an id', cols: 0, rows: -1 });
  for (const method of ['no/such', '__proto__', 'toString'])
    outcomes.push(`${method}: ${String((await transport.request(method, {})).reason)}`);
  return outcomes;
}

describe('What a client does, over every transport', function () {
  this.timeout(60_000);
  let model: ModelServer;
  const walks = new Map<string, string[]>();

  before(async () => {
    model = await ModelServer.start({ models: ['test-model'] });
  });
  after(() => model.close());

  for (const [name, open] of Object.entries(transports)) {
    it(`is answered as the contract says: ${name}`, async () => {
      const folder = temporaryFolder();
      const transport = await open(folder.path, {
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
        'limits.apiPerMinute': 10_000,
      });
      try {
        model.willReply(says('A walrus is there.'));
        walks.set(name, await walkThrough(transport, folder.path));
      } finally {
        await transport.close();
        endPtyHostsOf(folder.path);
        await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
        folder.remove();
      }
    });
  }

  it('goes through every request of the contract', () => {
    const called = new Set([...walks.values()].flat().map((outcome) => outcome.split(':')[0]));
    assert.deepEqual(
      clientRequests().flatMap(([method]) => (called.has(method) ? [] : [method])),
      [],
    );
  });

  it('ends the same way over each, but that a single HTTP answer cannot go on with output', () => {
    const overHttp = walks.get('HTTP') ?? [];
    const differing = overHttp.indexOf('terminal/attach: Unsupported');
    assert.ok(differing >= 0);
    const expected = overHttp.with(differing, 'terminal/attach: done');
    for (const name of Object.keys(transports)) if (name !== 'HTTP') assert.deepEqual(walks.get(name), expected, name);
  });
});
