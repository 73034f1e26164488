import { hostileParams, malformedFrames } from '../../support/attacks/malformedBytes.ts';
import { openRawWebSocket, upgradeHeaders } from '../../support/attacks/rawConnection.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';
import type { AttackedServer } from './attackedServer.ts';
import { together, type Attack } from './findings.ts';

const maxMessageBytes = 4 * 1024 * 1024;

/** Handshakes, frames and messages of somebody who has the right token. */
export function webSocketAttacks(server: AttackedServer): Attack[] {
  const frames = malformedFrames.map(({ name, bytes }) => ({
    attack: name,
    expected: 'closed',
    run: async () => {
      const connection = await openRawWebSocket(server.http);
      try {
        connection.socket.write(Buffer.from(bytes));
        await connection.ended(name, 5_000);
        return 'closed';
      } finally {
        connection.socket.destroy();
      }
    },
  }));
  return [...handshakes(server), ...frames, ...messages(server)];
}

function handshakes(server: AttackedServer): Attack[] {
  const open = (path: string, headers: Readonly<Record<string, string | null>>) => () =>
    server.outcomeOf({ path, method: 'GET', headers: { ...upgradeHeaders, ...headers } });
  return [
    { attack: 'a WebSocket at another path', expected: '404 NotFound', run: open('/', {}) },
    { attack: 'a WebSocket at a call', expected: '404 NotFound', run: open('/api/server/health', {}) },
    { attack: 'an upgrade to something else', expected: '404 NotFound', run: open('/ws', { upgrade: 'h2c' }) },
    {
      attack: 'a right token beside one among the subprotocols',
      expected: '401 Unauthenticated',
      run: open('/ws', { 'sec-websocket-protocol': 'bearer.wrong' }),
    },
    {
      attack: 'the right token among the subprotocols of what asks for no WebSocket',
      expected: '401 Unauthenticated',
      run: () => {
        const headers = { authorization: null, 'sec-websocket-protocol': `bearer.${server.http.token}` };
        return server.outcomeOf({ path: '/api', method: 'GET', headers });
      },
    },
    {
      attack: 'a WebSocket with the token in its address',
      expected: '401 Unauthenticated',
      run: open(`/ws?token=${server.http.token}`, { authorization: null }),
    },
    {
      attack: 'an agreement to compress',
      expected: 'not agreed to',
      run: async () => {
        const client = await WebSocketClient.open(server.http, { perMessageDeflate: true });
        const { extensions } = client.socket;
        await client.close();
        return extensions === '' ? 'not agreed to' : extensions;
      },
    },
  ];
}

function messages(server: AttackedServer): Attack[] {
  const withClient = async (use: (client: WebSocketClient) => Promise<string>): Promise<string> => {
    const client = await WebSocketClient.open(server.http);
    try {
      return await use(client);
    } finally {
      client.socket.terminate();
    }
  };
  const reasonOf = (client: WebSocketClient, text: string): Promise<string> => {
    client.socket.send(text);
    return waitFor('an answer', () => client.strays[0]?.error?.data.reason ?? false);
  };
  const texts: readonly [attack: string, text: string, expected: string][] = [
    ['a text that is no JSON', '{', 'ParseError'],
    ['a message that is none', '{"jsonrpc":"2.0"}', 'InvalidRequest'],
    ['several messages in one', '[{"jsonrpc":"2.0","id":"a","method":"server/health"}]', 'InvalidRequest'],
    ['a method that there is not', '{"jsonrpc":"2.0","id":"a","method":"__proto__"}', 'UnknownMethod'],
    [
      'what only the server asks',
      '{"jsonrpc":"2.0","id":"a","method":"secret/get","params":{"name":"x"}}',
      'UnknownMethod',
    ],
    ...hostileParams.map(({ name, bytes }): [string, string, string] => [
      name,
      `{"jsonrpc":"2.0","id":"a","method":"server/health","params":${bytes}}`,
      'InvalidParams',
    ]),
  ];
  return [
    ...texts.map(([attack, text, expected]) => ({
      attack,
      expected,
      run: () => withClient((client) => reasonOf(client, text)),
    })),
    {
      attack: 'a message of 4 MiB and a byte',
      expected: 'closed 1009',
      run: () =>
        withClient(async (client) => {
          client.socket.send('x'.repeat(maxMessageBytes + 1));
          return `closed ${await client.closed()}`;
        }),
    },
    {
      attack: 'settings, trust and secrets sent by who may only prompt',
      expected: 'no change',
      run: async () => {
        const client = await WebSocketClient.open(server.http, { token: server.tokens.agent.token });
        try {
          client.notify('settings/changed', { settings: { 'security.allowedOrigins': ['https://evil.example'] } });
          client.notify('workspace/changed', { folders: [{ path: '/', name: 'everything' }], trusted: true });
          client.notify('secret/changed', { name: 'openai' });
          // Answers come in order, so that all of them were looked at before this one.
          await client.request('server/health', {});
        } finally {
          client.socket.terminate();
        }
        const page = together(await server.everywhere({ origin: 'https://evil.example' }));
        const { body } = await server.http.call('audit/query', { limit: 200 });
        const kinds = new Set((body['records'] as { kind: string }[]).map(({ kind }) => kind));
        const changed = ['setting.changed', 'trust.changed', 'secret.changed'].filter((kind) => kinds.has(kind));
        return page === '403 BadOrigin' && changed.length === 0 ? 'no change' : `${page} ${changed.join()}`;
      },
    },
  ];
}
