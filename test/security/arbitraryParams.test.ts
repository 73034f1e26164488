import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { declarationOf } from '../../server/protocol/contract.ts';
import { grantedScopes, includesScope, type GrantedScope } from '../../server/protocol/declaration.ts';
import { clientRequests, errorsByStatus } from '../../server/protocol/openApi.ts';
import { HttpServer } from '../support/httpServer.ts';
import { LiveReference, LiveThings, type LiveKind } from '../support/liveThings.ts';
import { says } from '../support/modelScript.ts';
import { ModelServer } from '../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../support/ptyHostOf.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';
import { WebSocketClient } from '../support/webSocketClient.ts';

/** The parts of a JSON Schema from which values are drawn. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Who calls, and which way. */
interface Caller {
  readonly way: 'HTTP' | 'WebSocket';
  readonly scope: GrantedScope;
}

/** How a call ended: with a result, or with the reason of its error. */
type Outcome = { readonly result: unknown } | { readonly reason: string };

const folder = temporaryFolder();
const runs = 50;
/** Of what takes a second each time. */
const slowRuns: Readonly<Record<string, number>> = { 'terminal/run': 20 };

/** What gives a result only to who comes in the middle of something else. */
const needsCircumstances: Readonly<Record<string, string>> = {
  'session/answer_permission': 'an agent that asks',
  'session/continue': 'a turn that was interrupted',
  'terminal/background': 'a command that somebody waits for',
};

/** Nothing that is drawn may do harm where it is run; and what has few values that mean something has these, mostly. */
const known: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  command: fc.constantFrom('true', 'exit 3', ':'),
  shell: fc.constantFrom('sh', 'cat', '/no/such/shell', 'x'),
  args: fc.constant([]),
  env: fc.constantFrom({}, { A: 'b' }, { A: null }),
  cwd: fc.constantFrom(folder.path, folder.path, '/no/such/folder', '.', ''),
  timeoutMs: fc.constantFrom(1, 1_000, 2_000),
  namespace: fc.constantFrom('models', 'fileLists', 'x'),
  configId: fc.constantFrom('model', 'model', 'x'),
  value: fc.constantFrom('openai-compatible/test-model', 'x'),
};

/** The name of something that is there, mostly; else one that could be. */
function namesOf(kind: LiveKind, others: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: fc.constant(new LiveReference(kind)), weight: 4 }, { arbitrary: others, weight: 1 });
}

/** What a field of a method's params names, where it names something that the server has. */
function liveKindOf(method: string, field: string): LiveKind | undefined {
  const [noun = ''] = method.split('/');
  if (field === 'sessionId') return noun === 'terminal' ? 'terminal' : 'conversation';
  if (field === 'id' && noun === 'backup') return 'backup';
  if (field === 'cursor' && method === 'conversation/import') return 'importCursor';
  if (field === 'before' && method === 'audit/query') return 'auditPage';
  const others: Readonly<Record<string, LiveKind>> = { outputId: 'output', tokenId: 'token', content: 'document' };
  return others[field];
}

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(valuesOf));
  if (schema.properties) return recordOf(schema, (_, field) => valuesOf(field));
  const { maximum: max = Number.MAX_SAFE_INTEGER, minLength = 0, minItems = 0, maxItems = 3 } = schema;
  const min = Math.max(0, schema.minimum ?? 0);
  const maxLength = Math.max(minLength, Math.min(20, schema.maxLength ?? 20));
  switch (schema.type) {
    case 'string':
      return schema.pattern === undefined
        ? fc.oneof(fc.string({ minLength, maxLength }), fc.string({ unit: 'binary', minLength, maxLength }))
        : fc.stringMatching(new RegExp(schema.pattern));
    case 'integer':
      return fc.oneof(
        { arbitrary: fc.integer({ min, max: Math.min(max, min + 100) }), weight: 4 },
        { arbitrary: fc.maxSafeInteger(), weight: 1 },
      );
    case 'number':
      return fc.double({ min, max: Math.min(max, 100), noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}), { minLength: minItems, maxLength: Math.min(3, maxItems) });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function recordOf(
  { properties = {}, required = [] }: Schema,
  valuesOfField: (name: string, field: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, field]): [string, fc.Arbitrary<unknown>] => [
    name,
    known[name] ?? valuesOfField(name, field),
  ]);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
}

/** What fits the schema, mostly; and what fits nothing. */
function paramsOf(method: string, params: z.ZodType): fc.Arbitrary<unknown> {
  const schema = z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }) as Schema;
  const fitting = recordOf(schema, (name, field) => {
    // The token with which this test comes would be gone.
    const others = method === 'security/rotate' ? fc.stringMatching(/^[0-9a-f]{16}$/) : valuesOf(field);
    const kind = liveKindOf(method, name);
    return kind === undefined ? others : namesOf(kind, others);
  });
  return fc.oneof({ arbitrary: fitting, weight: 5 }, { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 });
}

const callers: fc.Arbitrary<Caller> = fc.record({
  way: fc.constantFrom('HTTP', 'WebSocket'),
  scope: fc.oneof({ arbitrary: fc.constant('admin' as const), weight: 3 }, fc.constantFrom(...grantedScopes)),
});

describe('Arbitrary params', function () {
  this.timeout(120_000);
  const tokens = new Map<GrantedScope, string>();
  const sockets = new Map<GrantedScope, WebSocketClient>();
  const outcomes = new Map<string, number>();
  let model: ModelServer;
  let server: HttpServer;
  let live: LiveThings;

  before(async () => {
    model = await ModelServer.start({ models: ['test-model'], replies: [{ ...says('done'), repeat: true }] });
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      JSON.stringify({
        'providers.openaiCompatible.baseUrl': model.baseUrl,
        'providers.ollama.baseUrl': 'http://127.0.0.1:9',
        'limits.apiPerMinute': 1_000_000,
        'limits.webSocketMessagesPerMinute': 1_000_000,
        'limits.terminalPerSecond': 10_000,
        'terminals.max': 1_000,
      }),
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off', '--workspace', folder.path]);
    live = new LiveThings(server, folder.path);
    for (const scope of grantedScopes) {
      const { body } = await server.call('security/issue', { name: scope, scope, hours: 1 });
      const token = String(body['token']);
      tokens.set(scope, token);
      sockets.set(scope, await WebSocketClient.open(server, { token }));
    }
  });
  after(async () => {
    for (const socket of sockets.values()) await socket.close();
    await server.stop();
    await model.close();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
    const counts = [...outcomes].sort(([, one], [, other]) => other - one);
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    console.log(`      ${total} calls: ${counts.map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`);
  });

  async function call(method: string, params: unknown, { way, scope }: Caller): Promise<Outcome> {
    if (way === 'HTTP') {
      const headers = { authorization: `Bearer ${tokens.get(scope) ?? ''}` };
      const { status, body } = await server.send({ path: `/api/${method}`, body: JSON.stringify(params), headers });
      return status === 200 ? { result: body } : { reason: String(body['error']) };
    }
    const socket = sockets.get(scope);
    assert.ok(socket);
    const { result, error } = await socket.request(method, params);
    return error ? { reason: error.data.reason } : { result };
  }

  for (const [method, declaration] of clientRequests()) {
    it(`of ${method} give a result of its form or an error that it names`, async () => {
      const reasons: readonly string[] = [...errorsByStatus(declaration).values()].flat();
      let [taken, results] = [0, 0];
      await fc.assert(
        fc.asyncProperty(paramsOf(method, declaration.params), callers, async (drawn, caller) => {
          const outcome = await call(method, await live.resolve(drawn), caller);
          live.called(method);
          const reason = 'reason' in outcome ? outcome.reason : 'result';
          outcomes.set(reason, (outcomes.get(reason) ?? 0) + 1);
          const isAllowed = includesScope(caller.scope, declaration.scope);
          assert.equal(reason === 'Forbidden', !isAllowed, `${reason} for the scope "${caller.scope}"`);
          if (isAllowed && reason !== 'InvalidParams') taken++;
          if ('result' in outcome) {
            results++;
            const checked = declarationOf(method);
            assert.ok(checked?.kind === 'request');
            const result = checked.result.safeParse(outcome.result);
            assert.ok(result.success, result.error?.message);
            return;
          }
          assert.notEqual(reason, 'Internal');
          assert.ok(reasons.includes(reason), `${reason} is not declared`);
        }),
        { numRuns: slowRuns[method] ?? runs },
      );
      assert.ok(taken > 0, 'none of the calls got past the check of its params');
      assert.equal(results > 0, needsCircumstances[method] === undefined, `${results} of the calls gave a result`);
    });
  }
});
