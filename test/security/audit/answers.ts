import { homedir } from 'node:os';
import { projectFolder } from '../../../scripts/project.ts';
import { headerProblems, leaksIn } from '../../support/attacks/answerRules.ts';
import { malformedRequests } from '../../support/attacks/malformedBytes.ts';
import { headersOf, sendRaw } from '../../support/attacks/rawConnection.ts';
import type { AttackedServer } from './attackedServer.ts';
import type { Attack } from './findings.ts';

/** Looks through everything that the server has answered during the audit. */
export function answerAttacks(server: AttackedServer): Attack[] {
  const places = { 'the path of the data folder': server.dataFolder, 'the path of the program': projectFolder };
  const home = homedir();
  const secret = { ...server.secrets, ...places, ...(home.length > 1 && { 'the home folder': home }) };
  return [
    {
      attack: 'headers that are missing, or tell too much, on any answer of this audit',
      expected: 'none',
      run: () => {
        const problems = server.answers.flatMap(({ to, answer }) =>
          headerProblems(answer.headers).map((problem) => `${problem} (${to.slice(0, 60)})`),
        );
        return Promise.resolve(firstOf(problems));
      },
    },
    {
      attack: 'headers that are missing on the answers to what is no HTTP',
      expected: 'none',
      run: async () => {
        const problems: string[] = [];
        for (const { name, bytes } of malformedRequests) {
          const answer = await sendRaw(server.http, bytes);
          if (answer === '') continue;
          problems.push(...headerProblems(headersOf(answer)).map((problem) => `${problem} (${name})`));
        }
        return firstOf(problems);
      },
    },
    {
      attack: 'paths, tokens, keys or stacks in any refusal of this audit',
      expected: 'none',
      run: () => {
        const refusals = server.answers.filter(({ answer }) => answer.status >= 400);
        if (refusals.length === 0) throw new Error('nothing was refused');
        const leaks = refusals.flatMap(({ to, answer }) =>
          leaksIn(answer.text + JSON.stringify(answer.headers), secret).map((leak) => `${leak} (${to.slice(0, 60)})`),
        );
        return Promise.resolve(firstOf(leaks));
      },
    },
    {
      attack: 'an answer of 500 to anything',
      expected: 'none',
      run: () =>
        Promise.resolve(firstOf(server.answers.filter(({ answer }) => answer.status === 500).map(({ to }) => to))),
    },
    {
      attack: 'what a stranger is told of the health of the server',
      expected: '{"status":"ready"}',
      run: async () => (await server.send({ path: '/health', method: 'GET', headers: { authorization: null } })).text,
    },
    {
      attack: 'the audit log, after everything',
      expected: 'intact, with every kind of refusal',
      run: async () => {
        const verified = await server.http.call('audit/verify', {});
        const kinds = ['request.refused', 'authentication.failed'];
        const counts = await Promise.all(
          kinds.map(async (kind) => {
            const { body } = await server.http.call('audit/query', { kind, limit: 1 });
            return (body['records'] as unknown[]).length;
          }),
        );
        const hasAll = counts.every((count) => count > 0);
        return `${verified.body['intact'] === true ? 'intact' : 'broken'}, ${hasAll ? 'with every kind of refusal' : 'incomplete'}`;
      },
    },
    {
      attack: 'the server, after everything',
      expected: 'the same process, ready',
      run: async () => {
        const { body } = await server.http.call('server/health', {});
        const isSame = server.http.child.exitCode === null && server.http.child.signalCode === null;
        return `${isSame ? 'the same process' : 'another process'}, ${String(body['status'])}`;
      },
    },
  ];
}

/** The first few, and how many more there are. */
function firstOf(problems: readonly string[]): string {
  const distinct = [...new Set(problems)];
  if (distinct.length === 0) return 'none';
  const more = distinct.length > 3 ? ` and ${distinct.length - 3} more` : '';
  return distinct.slice(0, 3).join('; ') + more;
}
