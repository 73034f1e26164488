import { AttackedServer, outcome } from './attackedServer.ts';
import type { Attack } from './findings.ts';

/** The defaults that the user guide names. */
const callsPerMinute = 100;
const wrongTokensPer5Minutes = 5;

/** Who is too much for a server with the limits that everybody has. Starts and ends a server of its own for each. */
export function limitAttacks(bundle: string): Attack[] {
  const onDefaults = (use: (server: AttackedServer) => Promise<string>) => async (): Promise<string> => {
    const server = await AttackedServer.start(bundle, {});
    try {
      return await use(server);
    } finally {
      await server.close();
    }
  };
  const wrong = { path: '/api/server/health', body: '{}', headers: { authorization: 'Bearer wrong' } };
  return [
    {
      attack: 'wrong tokens beyond the limit',
      expected: `${wrongTokensPer5Minutes} × 401 Unauthenticated, then 429 RateLimited with Retry-After`,
      run: onDefaults(async (server) => {
        let unauthenticated = 0;
        for (;;) {
          const answer = await server.send(wrong);
          if (outcome(answer) === '401 Unauthenticated' && unauthenticated < 2 * wrongTokensPer5Minutes) {
            unauthenticated += 1;
            continue;
          }
          const waits = Number(answer.headers['retry-after']) > 0 ? 'with Retry-After' : 'without Retry-After';
          return `${unauthenticated} × 401 Unauthenticated, then ${outcome(answer)} ${waits}`;
        }
      }),
    },
    {
      attack: 'wrong tokens of another program, to lock out who has the right one',
      expected: '200',
      run: onDefaults(async (server) => {
        for (let count = 0; count < 10 * wrongTokensPer5Minutes; count++) await server.send(wrong);
        return server.outcomeOf({ path: '/api/server/info', body: '{}' });
      }),
    },
    {
      attack: 'calls beyond the limit, with two tokens at once',
      expected: `429 RateLimited after ${callsPerMinute} calls, and the other token goes on`,
      run: onDefaults(async (server) => {
        const headers = { authorization: `Bearer ${server.tokens.read.token}` };
        const call = () => server.outcomeOf({ path: '/api/server/info', body: '{}', headers });
        let calls = 0;
        let last = await call();
        while (last === '200' && calls < 2 * callsPerMinute) {
          calls += 1;
          last = await call();
        }
        const other = await server.outcomeOf({ path: '/api/server/info', body: '{}' });
        return `${last} after ${calls} calls, and the other token ${other === '200' ? 'goes on' : `gets ${other}`}`;
      }),
    },
  ];
}
