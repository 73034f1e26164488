import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { z } from 'zod';
import { contract, declarationOf, type Method } from '../server/protocol/contract.ts';
import type { RequestDeclaration } from '../server/protocol/declaration.ts';
import { contractVersion } from '../server/protocol/version.ts';
import { clientRequests, openApiDocument } from '../server/protocol/openApi.ts';
import { projectFolder } from './project.ts';

/** The parts of a JSON Schema that are shown. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly default?: unknown;
}

/** What is generated from the contract, by its path in the repository. */
export function renderApiDocuments(): Map<string, string> {
  return new Map([
    ['docs/user-guide/api-reference.md', renderReference()],
    ['docs/openapi.json', `${JSON.stringify(openApiDocument(), null, 2)}\n`],
  ]);
}

/** Writes what has changed, and names it. */
export async function writeApiDocuments(): Promise<string[]> {
  const written: string[] = [];
  for (const [name, text] of renderApiDocuments()) {
    const file = path.join(projectFolder, name);
    const current = await fs.readFile(file, 'utf8').catch(() => '');
    if (current === text) continue;
    await fs.writeFile(file, text);
    written.push(name);
  }
  return written;
}

function renderReference(): string {
  const { major, minor } = contractVersion;
  const methods = clientRequests();
  const groups = new Map<string, string[]>();
  for (const [method, declaration] of methods) {
    const group = method.split('/')[0] ?? '';
    groups.set(group, [...(groups.get(group) ?? []), renderRequest(method, declaration)]);
  }
  return [
    '# API reference',
    '<!-- written by "npm run docs" -->',
    `Contract ${major}.${minor}. How to call: [Over HTTP and WebSocket](over-the-network.md). A field with \`?\` may be left out, and has the`,
    'value behind `=` then. Beyond the errors that are named, any request may answer `InvalidParams`, `Unauthenticated`, `Forbidden`,',
    '`RateLimited`, `Cancelled`, `TimedOut`, `Unavailable` or `Internal`.',
    ...[...groups].flatMap(([group, parts]) => [`\n## ${group}`, ...parts]),
    '\n## Notifications of the server',
    'Over WebSocket as JSON-RPC notifications, in `GET /events` as events.\n',
    '| | | |',
    '|---|---|---|',
    ...renderNotifications('serverToClient'),
    '\n## Notifications of clients',
    '| | | |',
    '|---|---|---|',
    ...renderNotifications('clientToServer'),
    '',
  ].join('\n');
}

function renderRequest(method: string, declaration: RequestDeclaration): string {
  const { summary, scope, limit, errors, params, result, insteadOverHttp } = declaration;
  const facts = [
    `scope \`${scope}\``,
    ...(limit === 'none' ? ['not limited'] : limit === 'terminal' ? ['counts as a terminal'] : []),
    ...(insteadOverHttp === undefined ? [] : [`over HTTP: \`${insteadOverHttp}\``]),
    ...(errors.length > 0 ? [`errors ${errors.map((reason) => `\`${reason}\``).join(' ')}`] : []),
  ];
  return [
    `### ${method}`,
    `${escapeText(summary)} (${facts.join('; ')})`,
    `\n- params: \`${typeOf(schemaOf(params, 'input'))}\``,
    `- result: \`${typeOf(schemaOf(result, 'output'))}\`\n`,
  ].join('\n');
}

function renderNotifications(direction: 'clientToServer' | 'serverToClient'): string[] {
  return (Object.keys(contract).sort() as Method[]).flatMap((method) => {
    const declaration = declarationOf(method);
    if (declaration?.kind !== 'notification' || declaration.direction !== direction) return [];
    const type = typeOf(schemaOf(declaration.params, 'input')).replaceAll('|', '\\|');
    return [`| \`${method}\` | ${escapeText(declaration.summary)} | \`${type}\` |`];
  });
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema;
}

/** As TypeScript would write it, in one line. */
function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(' | ');
  if (schema.properties) return objectOf(schema, schema.properties);
  if (schema.type === 'array') return `(${typeOf(schema.items ?? {})})[]`.replace(/^\(([\w"]+)\)/, '$1');
  if (schema.type === 'object') {
    const values = schema.additionalProperties;
    return typeof values === 'object' ? `{ [name]: ${typeOf(values)} }` : '{}';
  }
  return typeof schema.type === 'string' ? schema.type : 'any';
}

function objectOf({ required = [] }: Schema, properties: Readonly<Record<string, Schema>>): string {
  const fields = Object.entries(properties).map(([name, field]) => {
    const value = field.default === undefined ? '' : ` = ${JSON.stringify(field.default)}`;
    return `${name}${required.includes(name) && value === '' ? '' : '?'}: ${typeOf(field)}${value}`;
  });
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

function escapeText(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
