import { grantedScopes, includesScope } from '../../../server/protocol/declaration.ts';
import { clientRequests } from '../../../server/protocol/openApi.ts';
import { WebSocketClient } from '../../support/webSocketClient.ts';
import { waitFor } from '../../support/waitFor.ts';
import { outcome, type AttackedServer, type SentRequest } from './attackedServer.ts';
import { together, type Attack } from './findings.ts';

/** No method takes this, so that nothing is done where a token lets a call pass that it must not. */
const nonsense = JSON.stringify({ noMethodTakesThis: true });
const refused = '401 Unauthenticated';

/** Tokens that are missing, wrong, in the wrong place, ended or too narrow. */
export function tokenAttacks(server: AttackedServer): Attack[] {
  return [
    ...wrongTokens(server),
    {
      attack: 'every method without a token',
      expected: refused,
      run: () => everyMethod(server, { authorization: null }),
    },
    {
      attack: 'every method with a token of the right form that was never given out',
      expected: refused,
      run: () => everyMethod(server, { authorization: `Bearer ada_${'0'.repeat(16)}_${'A'.repeat(43)}` }),
    },
    ...grantedScopes.filter((scope) => scope !== 'admin').map((scope) => narrowToken(server, scope)),
    ...endedTokens(server),
  ];
}

function wrongTokens(server: AttackedServer): Attack[] {
  const { token } = server.http;
  const other = (text: string, index: number): string =>
    text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
  const forms: Readonly<Record<string, SentRequest['headers']>> = {
    'no token': { authorization: null },
    'an empty token': { authorization: 'Bearer ' },
    'a token of one character': { authorization: 'Bearer A' },
    'the right token with another first character': { authorization: `Bearer ${other(token, 0)}` },
    'the right token with another last character': { authorization: `Bearer ${other(token, token.length - 1)}` },
    'the right token without its last character': { authorization: `Bearer ${token.slice(0, -1)}` },
    'the right token twice over': { authorization: `Bearer ${token}${token}` },
    'the right token with another scheme': { authorization: `Basic ${token}` },
    'the right token as a password': { authorization: `Basic ${Buffer.from(`token:${token}`).toString('base64')}` },
    'the right token without a scheme': { authorization: token },
    'a right and a wrong token': { authorization: `Bearer ${token}, Bearer x` },
    'the right token in a cookie': { authorization: null, cookie: `token=${token}; authorization=${token}` },
    'the right token in headers of other programs': {
      authorization: null,
      'x-auth-token': token,
      'x-api-key': token,
      'proxy-authorization': `Bearer ${token}`,
    },
    'a path as the id of a token': { authorization: 'Bearer ada_../../../token_AAAA' },
    'a token of 10,000 characters': { authorization: `Bearer ${'A'.repeat(10_000)}` },
  };
  const inHeaders = Object.entries(forms).map(([attack, headers]) => ({
    attack,
    expected: refused,
    run: async () => together(await server.everywhere(headers)),
  }));
  const inAddress = ['token', 'access_token', 'auth', 'authorization', 'bearer'].map((name) => ({
    attack: `the right token in the address, as ${name}`,
    expected: refused,
    run: () => server.outcomeOf({ path: `/api?${name}=${token}`, method: 'GET', headers: { authorization: null } }),
  }));
  return [...inHeaders, ...inAddress];
}

async function everyMethod(server: AttackedServer, headers: SentRequest['headers']): Promise<string> {
  const results: Record<string, string> = {};
  for (const [method] of clientRequests())
    results[method] = await server.outcomeOf({ path: `/api/${method}`, body: nonsense, ...(headers && { headers }) });
  for (const path of ['/api', '/openapi.json', '/metrics', '/events', '/ws', '/', '/nowhere'])
    results[path] = await server.outcomeOf({ path, method: 'GET', ...(headers && { headers }) });
  return together(results);
}

/** Every method that needs more than the token has, over HTTP and over WebSocket. */
function narrowToken(server: AttackedServer, scope: 'read' | 'terminal' | 'agent'): Attack {
  return {
    attack: `every method beyond its scope with a token for ${scope}`,
    expected: '403 Forbidden',
    run: async () => {
      const { token } = server.tokens[scope];
      const client = await WebSocketClient.open(server.http, { token });
      try {
        const results: Record<string, string> = {};
        for (const [method, declaration] of clientRequests()) {
          if (includesScope(scope, declaration.scope)) continue;
          const headers = { authorization: `Bearer ${token}` };
          results[method] = await server.outcomeOf({ path: `/api/${method}`, body: nonsense, headers });
          const { error } = await client.request(method, JSON.parse(nonsense));
          results[`${method} over WebSocket`] = `403 ${error?.data.reason ?? 'done'}`;
        }
        return together(results);
      } finally {
        await client.close();
      }
    },
  };
}

/** Tokens that have ended, and what was opened with them before. */
function endedTokens(server: AttackedServer): Attack[] {
  const issue = async (hours: number) => {
    const { body } = await server.http.call('security/issue', { name: 'to be ended', scope: 'read', hours });
    return { token: String(body['token']), tokenId: String(body['tokenId']), expiresAt: Number(body['expiresAt']) };
  };
  const usesOf = async (token: string): Promise<string> =>
    together(await server.everywhere({ authorization: `Bearer ${token}` }));
  return [
    {
      attack: 'a token that has expired',
      expected: refused,
      run: async () => {
        // 0.36 s.
        const { token, expiresAt } = await issue(0.0001);
        await waitFor('its end', () => Date.now() > expiresAt);
        return usesOf(token);
      },
    },
    {
      attack: 'a token that was revoked',
      expected: refused,
      run: async () => {
        const { token, tokenId } = await issue(1);
        await server.http.call('security/revoke', { tokenId });
        return usesOf(token);
      },
    },
    {
      attack: 'a token that was replaced by another',
      expected: refused,
      run: async () => {
        const { token, tokenId } = await issue(1);
        await server.http.call('security/rotate', { tokenId });
        return usesOf(token);
      },
    },
    {
      attack: 'a WebSocket and a stream that were opened with a token before it was revoked',
      expected: 'both closed within 3 s',
      run: async () => {
        const { token, tokenId } = await issue(1);
        const client = await WebSocketClient.open(server.http, { token });
        const stream = await fetch(`${server.http.url.origin}/events`, {
          headers: { authorization: `Bearer ${token}` },
        });
        let streamIsOpen = true;
        // It ends, or breaks: either way it is closed.
        const ended = stream.text().then(
          () => (streamIsOpen = false),
          () => (streamIsOpen = false),
        );
        await server.http.call('security/revoke', { tokenId });
        await waitFor('both to be closed', () => client.closeCode !== undefined && !streamIsOpen, 3_000);
        await ended;
        return 'both closed within 3 s';
      },
    },
    {
      attack: 'a token in an answer about tokens',
      expected: 'none',
      run: async () => {
        const answer = await server.send({ path: '/api/security/tokens', body: '{}' });
        const held = Object.values(server.secrets).filter((secret) => answer.text.includes(secret));
        return answer.status === 200 && held.length === 0 ? 'none' : `${held.length} (${outcome(answer)})`;
      },
    },
  ];
}
