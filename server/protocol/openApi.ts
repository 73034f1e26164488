import { z } from 'zod';
import { contract, declarationOf } from './contract.ts';
import type { RequestDeclaration } from './declaration.ts';
import { errorTable, type ErrorReason } from './errors.ts';
import { contractVersion } from './version.ts';

/** What any request may answer, whatever it declares. */
const usualErrors: readonly ErrorReason[] = [
  'InvalidParams',
  'Unauthenticated',
  'Forbidden',
  'BadOrigin',
  'Cancelled',
  'TooLarge',
  'UnsupportedMediaType',
  'BadHost',
  'RateLimited',
  'Internal',
  'Unavailable',
  'TimedOut',
];

/** Requests that clients may send, in alphabetical order, with their declarations. */
export function clientRequests(): [method: string, declaration: RequestDeclaration][] {
  return Object.keys(contract)
    .sort()
    .flatMap((method): [string, RequestDeclaration][] => {
      const declaration = declarationOf(method);
      const isOurs = declaration?.kind === 'request' && declaration.direction === 'clientToServer';
      return isOurs ? [[method, declaration]] : [];
    });
}

/** Every reason for which this request may fail, by HTTP status. */
export function errorsByStatus({ errors }: RequestDeclaration): Map<number, ErrorReason[]> {
  const byStatus = new Map<number, ErrorReason[]>();
  for (const reason of new Set([...usualErrors, ...errors])) {
    const { httpStatus } = errorTable[reason];
    byStatus.set(httpStatus, [...(byStatus.get(httpStatus) ?? []), reason]);
  }
  return new Map([...byStatus].sort(([one], [other]) => one - other));
}

/**
 * The contract as an OpenAPI 3.1 document: every request that HTTP has as `POST /api/<noun>/<verb>`, and what else there is at
 * that door. A server that runs puts its own address into `servers`.
 */
export function openApiDocument(): object {
  const { major, minor } = contractVersion;
  return {
    openapi: '3.1.0',
    info: {
      title: 'AI Development Assistant',
      version: `${major}.${minor}`,
      description: 'Terminals and agents of one data folder. The token stands in the file that `serve` names.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:{port}', variables: { port: { default: '0' } } }],
    security: [{ token: [] }],
    paths: {
      ...Object.fromEntries(
        clientRequests()
          .filter(([, { insteadOverHttp }]) => insteadOverHttp === undefined)
          .map(([method, declaration]) => [`/api/${method}`, pathOf(method, declaration)]),
      ),
      '/health': { get: plainGet('Says whether the server works. Needs no token.', 'application/json', []) },
      '/metrics': { get: plainGet('The numbers of the server, in the text format of Prometheus.', 'text/plain') },
      '/events': { get: eventsOperation },
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorSchema },
    },
  };
}

const errorSchema = {
  type: 'object',
  required: ['error', 'message', 'correlationId'],
  properties: {
    error: { type: 'string', enum: Object.keys(errorTable) },
    message: { type: 'string' },
    correlationId: { type: 'string' },
  },
};

const eventsOperation = {
  ...plainGet(
    'Notifications as server-sent events, of a conversation, of a terminal, or those for everybody.',
    'text/event-stream',
  ),
  parameters: ['conversation', 'terminal', 'from'].map((name) => ({
    name,
    in: 'query',
    required: false,
    schema: name === 'from' ? { type: 'integer', minimum: 0 } : { type: 'string' },
  })),
};

function pathOf(method: string, declaration: RequestDeclaration): object {
  const { summary, params, result, scope } = declaration;
  const errors = [...errorsByStatus(declaration)].map(([status, reasons]): [string, object] => [
    String(status),
    { description: reasons.join(', '), content: jsonOf({ $ref: '#/components/schemas/Error' }) },
  ]);
  return {
    post: {
      operationId: method.replace('/', '.'),
      summary,
      description: `Needs a token with the scope \`${scope}\`.`,
      tags: [method.split('/')[0]],
      requestBody: { required: true, content: jsonOf(schemaOf(params, 'input')) },
      responses: {
        200: { description: 'The result.', content: jsonOf(schemaOf(result, 'output')) },
        ...Object.fromEntries(errors),
      },
    },
  };
}

function plainGet(summary: string, contentType: string, security?: readonly []): object {
  const responses = { 200: { description: 'The answer.', content: { [contentType]: {} } } };
  return { summary, responses, ...(security && { security }) };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const described: Record<string, unknown> = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return Object.fromEntries(Object.entries(described).filter(([key]) => key !== '$schema'));
}

function jsonOf(schema: object): object {
  return { 'application/json': { schema } };
}
