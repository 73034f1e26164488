import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { declarationOf } from '../../server/protocol/contract.ts';
import { clientRequests, errorsByStatus } from '../../server/protocol/openApi.ts';
import { HttpServer } from '../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../support/ptyHostOf.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { waitFor } from '../support/waitFor.ts';

/** The parts of a JSON Schema from which values are drawn. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly pattern?: string;
}

const folder = temporaryFolder();

/** Nothing that is drawn may do harm where it is run, and every id may be one. */
const harmless: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  command: fc.constantFrom('true', 'exit 3', ':'),
  shell: fc.constantFrom('sh', '/no/such/shell', 'x'),
  args: fc.constant([]),
  env: fc.constantFrom({}, { A: 'b' }, { A: null }),
  cwd: fc.constantFrom(folder.path, '/no/such/folder', '.', ''),
  timeoutMs: fc.constantFrom(1, 1_000),
};

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(valuesOf));
  if (schema.properties) return objectsOf(schema.properties, schema.required ?? []);
  switch (schema.type) {
    case 'string':
      return schema.pattern === undefined
        ? fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 20 }))
        : fc.stringMatching(new RegExp(schema.pattern));
    case 'integer':
      return fc.oneof(fc.integer({ min: 0, max: 100 }), fc.maxSafeInteger());
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}), { maxLength: 3 });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectsOf(properties: Readonly<Record<string, Schema>>, required: readonly string[]): fc.Arbitrary<object> {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, harmless[name] ?? valuesOf(field)]),
  );
  return fc.record(fields, { requiredKeys: [...required] });
}

/** What fits the schema, mostly; and what fits nothing. */
function paramsOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  const fitting = valuesOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema);
  return fc.oneof({ arbitrary: fitting, weight: 4 }, { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 });
}

describe('Arbitrary params', function () {
  this.timeout(120_000);
  let server: HttpServer;

  before(async () => {
    writeFileSync(
      path.join(folder.path, 'settings.json'),
      '{"limits.apiPerMinute": 1000000, "limits.terminalPerSecond": 10000, "terminals.max": 1000}',
    );
    server = await HttpServer.start(folder.path, ['--log-level', 'off', '--workspace', folder.path]);
  });
  after(async () => {
    await server.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  for (const [method, declaration] of clientRequests()) {
    // The token of this test would be gone.
    if (method === 'security/rotate') continue;
    it(`of ${method} give a result of its form or an error that it names`, async () => {
      const reasons = [...errorsByStatus(declaration).values()].flat();
      await fc.assert(
        fc.asyncProperty(paramsOf(declaration.params), async (params) => {
          const { status, body } = await server.call(method, params);
          if (status === 200) {
            const checked = declarationOf(method);
            assert.ok(checked?.kind === 'request');
            const result = checked.result.safeParse(body);
            assert.ok(result.success, result.error?.message);
            return;
          }
          assert.notEqual(body['error'], 'Internal');
          assert.ok(reasons.includes(body['error'] as never), `${String(body['error'])} is not declared`);
        }),
        { numRuns: 15 },
      );
    });
  }
});
