import * as http from 'node:http';
import type { AttackedServer } from './attackedServer.ts';

const rounds = 300;
/** What two kinds of wrong token may differ by and still be told apart by nobody: far below what a socket's times spread by. */
const indistinctShare = 0.1;

/**
 * Whether wrong tokens can be told apart by how long their refusal takes: one that is wrong from its first character, one
 * that is right up to its last, and one of an id that does not exist. It is reported and not judged, since other programs of
 * the machine have their part in it. The figures go to the console, since they are others in each run.
 */
export async function compareTimes(server: AttackedServer): Promise<string> {
  const { token } = server.http;
  const issued = server.tokens.read.token;
  const kinds: Readonly<Record<string, string>> = {
    'wrong from the first character': `B${token.slice(1)}`,
    'right up to the last character': token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'),
    'the id of a token and another secret': issued.slice(0, -43) + 'A'.repeat(43),
    'an id that does not exist': `ada_${'0'.repeat(16)}_${'A'.repeat(43)}`,
  };
  const times = new Map(Object.keys(kinds).map((kind): [string, number[]] => [kind, []]));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [kind, shown] of Object.entries(kinds)) times.get(kind)?.push(await timeOf(server, shown, agent));
    }
  } finally {
    agent.destroy();
  }
  const medians = [...times].map(([kind, values]) => ({ kind, ms: values.sort((a, b) => a - b)[rounds / 2] ?? 0 }));
  for (const { kind, ms } of medians) console.log(`  ${kind}: ${(ms * 1_000).toFixed(0)} µs (median of ${rounds})`);
  const all = medians.map(({ ms }) => ms);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return most - least <= indistinctShare * least
    ? 'medians within a tenth of each other'
    : 'medians further apart than a tenth';
}

function timeOf(server: AttackedServer, token: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const { host } = server.http.url;
    const headers = { host, authorization: `Bearer ${token}` };
    const request = http.request({ host: '127.0.0.1', port: server.port, path: '/api', headers, agent }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(performance.now() - startedAt));
    });
    request.on('error', reject);
    request.end();
  });
}
