import {
  hostileParams,
  malformedRequests,
  packedBody,
  strayMethods,
  strayPaths,
} from '../../support/attacks/malformedBytes.ts';
import { sendRaw } from '../../support/attacks/rawConnection.ts';
import { refusedOr } from './addresses.ts';
import { outcome, type AttackedServer, type SentRequest } from './attackedServer.ts';
import { together, type Attack } from './findings.ts';

const maxBodyBytes = 4 * 1024 * 1024;

/** Requests with the right token and the wrong form: what is refused here is refused for its form alone. */
export function requestAttacks(server: AttackedServer): Attack[] {
  const malformed = malformedRequests.map(({ name, bytes }) => ({
    attack: name,
    expected: 'refused',
    run: async () => refusedOr(await sendRaw(server.http, bytes)),
  }));
  return [...malformed, ...bodies(server), ...places(server), ...crossOrigin(server)];
}

function bodies(server: AttackedServer): Attack[] {
  const call = (request: Omit<SentRequest, 'path'>) => () =>
    server.outcomeOf({ path: '/api/server/health', ...request });
  const large = Buffer.alloc(maxBodyBytes + 1, ' ');
  const forms: readonly (Attack & { readonly attack: string })[] = [
    { attack: 'a body of 4 MiB and a byte', expected: '413 TooLarge', run: call({ body: large }) },
    {
      attack: 'a body of 4 MiB and a byte that does not say how long it is',
      expected: '413 TooLarge',
      run: call({ body: large, headers: { 'content-length': null, 'transfer-encoding': 'chunked' } }),
    },
    {
      attack: 'a kilobyte that unpacks to a megabyte',
      expected: '400 ParseError',
      run: call({ body: packedBody, headers: { 'content-encoding': 'gzip' } }),
    },
    { attack: 'a body that is no JSON', expected: '400 ParseError', run: call({ body: '{' }) },
    {
      attack: 'a body that is no UTF-8',
      expected: '400 ParseError',
      run: call({ body: Buffer.from([0xff, 0xfe, 0x7b]) }),
    },
    { attack: 'two values in one body', expected: '400 ParseError', run: call({ body: '{}{}' }) },
    { attack: 'a list in place of params', expected: '400 InvalidParams', run: call({ body: '[]' }) },
    { attack: 'a text in place of params', expected: '400 InvalidParams', run: call({ body: '"x"' }) },
  ];
  const params = hostileParams.map(({ name, bytes }) => ({
    attack: name,
    expected: '400 InvalidParams',
    run: call({ body: bytes }),
  }));
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json; charset=utf-7',
    '',
  ];
  const contentTypes = types.map((type) => ({
    attack: `a body of the type "${type}"`,
    expected: '415 UnsupportedMediaType',
    run: call({ body: '{}', headers: { 'content-type': type } }),
  }));
  return [...forms, ...params, ...contentTypes];
}

/** Paths and methods that are none. */
function places(server: AttackedServer): Attack[] {
  return [
    ...strayPaths.map((path) => ({
      attack: `GET ${path}`,
      expected: 'nothing there',
      run: async () => {
        const found = await server.outcomeOf({ path, method: 'GET' });
        // Below /api is nothing that can be got.
        return found === '404 NotFound' || found === '405 MethodNotAllowed' ? 'nothing there' : found;
      },
    })),
    ...strayMethods.map((method) => ({
      attack: `POST /api/${method}`,
      expected: '404 UnknownMethod',
      run: () => server.outcomeOf({ path: `/api/${method}`, body: '{}' }),
    })),
    {
      attack: 'a call with GET, HEAD, PUT, DELETE, PATCH, OPTIONS and TRACE',
      expected: '405',
      run: async () => {
        const results: Record<string, string> = {};
        for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])
          results[method] = `${(await server.send({ path: '/api/server/health', method })).status}`;
        return together(results);
      },
    },
  ];
}

/** What a browser asks before a page may send more than it can anyway. */
function crossOrigin(server: AttackedServer): Attack[] {
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  return [
    {
      attack: 'a browser’s question whether a page may call',
      expected: '403 BadOrigin without permission',
      run: async () => {
        const headers = { authorization: null, origin: 'https://evil.example', ...preflight };
        const answer = await server.send({ path: '/api/terminal/run', method: 'OPTIONS', headers });
        const allows = Object.keys(answer.headers).some((name) => name.startsWith('access-control-'));
        return `${outcome(answer)} ${allows ? 'with' : 'without'} permission`;
      },
    },
  ];
}
