import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { before, describe, it } from 'mocha';
import rules from '../../scripts/checks/dependencyRules.mjs';

/** Each file breaks the rule that it is listed under, and no other. */
const violations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no cycles': {
    'server/src/base/one.ts': "import { two } from './two.ts'; export const one = () => two;",
  },
  'every import is found': { 'server/src/base/lost.ts': "import './nowhere.ts';" },
  'the contract imports itself and zod': {
    'server/protocol/a.ts': "import { ground } from '../src/base/ground.ts'; export const a = ground;",
  },
  'the contract needs no library but zod': {
    'server/protocol/b.ts': "import * as fs from 'node:fs'; export const b = fs;",
  },
  'the extension imports itself and the contract': {
    'extension/src/a.ts': "import { ground } from '../../server/src/base/ground.ts'; export const a = ground;",
  },
  'the webviews import themselves and the contract': {
    'webview-ui/src/a.ts': "import { a } from '../../extension/src/ok.ts'; export const b = a;",
  },
  'clients import the types of the contract only': {
    'extension/src/b.ts': "import { shape } from '../../server/protocol/shape.ts'; export const b = shape;",
  },
  'base imports itself': { 'server/src/base/c.ts': "import { rpc } from '../rpc/ok.ts'; export const c = rpc;" },
  'base imports types of the contract only': {
    'server/src/base/d.ts': "import { shape } from '../../protocol/shape.ts'; export const d = shape;",
  },
  'ptyProtocol imports itself': {
    'server/src/ptyProtocol/a.ts': "import { ground } from '../base/ground.ts'; export const a = ground;",
  },
  'the pty host imports itself, base and ptyProtocol': {
    'server/src/ptyHost/a.ts': "import { rpc } from '../rpc/ok.ts'; export const a = rpc;",
  },
  'rpc imports base and the contract': {
    'server/src/rpc/a.ts': "import { a } from '../transports/ok.ts'; export const b = a;",
  },
  'transports import rpc, base and the contract': {
    'server/src/transports/a.ts': "import { a } from '../agents/ok.ts'; export const b = a;",
  },
  'a service imports itself, base and the contract': {
    'server/src/agents/a.ts': "import { a } from '../storage/ok.ts'; export const b = a;",
    'server/src/yetToCome/a.ts': "import { root } from '../createServer.ts'; export const b = root;",
  },
  'only the terminals speak to the pty host': {
    'server/src/agents/b.ts': "import { a } from '../ptyProtocol/ok.ts'; export const b = a;",
  },
  'the product imports no tests and no scripts': {
    'server/src/main.ts': "import { a } from '../../scripts/ok.ts'; export const b = a;",
  },
  'vscode has one owner': { 'server/src/agents/d.ts': "import * as vscode from 'vscode'; export const d = vscode;" },
};

/** What the rules allow, and what the violations import. */
const allowed: Readonly<Record<string, string>> = {
  // The other half of the cycle: it is told once, of the file that comes first.
  'server/src/base/two.ts': "import { one } from './one.ts'; export const two = () => one;",
  'server/src/base/ground.ts': 'export const ground = 1;',
  'server/protocol/shape.ts': 'export const shape = 1; export interface Shape { readonly a: number }',
  'server/protocol/errors.ts': 'export const errors = 1;',
  'server/src/rpc/ok.ts': "import { ground } from '../base/ground.ts'; export const rpc = ground;",
  'server/src/transports/ok.ts': "import { rpc } from '../rpc/ok.ts'; export const a = rpc;",
  'server/src/agents/ok.ts': "import { shape } from '../../protocol/shape.ts'; export const a = shape;",
  'server/src/storage/ok.ts': "import { ground } from '../base/ground.ts'; export const a = ground;",
  'server/src/ptyProtocol/ok.ts': 'export const a = 1;',
  'server/src/terminals/ok.ts': "import { a } from '../ptyProtocol/ok.ts'; export const b = a;",
  'server/src/createServer.ts': "import { a } from './agents/ok.ts'; export const root = a;",
  'scripts/ok.ts': 'export const a = 1;',
  'extension/src/ok.ts':
    "import * as vscode from 'vscode'; import type { Shape } from '../../server/protocol/shape.ts'; import { errors } from '../../server/protocol/errors.ts'; export const a = (shape: Shape) => [shape, errors, vscode];",
};

describe('the dependency rules', () => {
  let found: { rule: string; from: string }[];

  before(async () => {
    const folder = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'ada-rules-')));
    try {
      for (const [file, source] of Object.entries(
        Object.assign({}, allowed, ...Object.values(violations)) as Record<string, string>,
      )) {
        await fs.mkdir(path.dirname(path.join(folder, file)), { recursive: true });
        await fs.writeFile(path.join(folder, file), source);
      }
      found = await findViolations(folder);
    } finally {
      await fs.rm(folder, { recursive: true });
    }
  });

  for (const [rule, files] of Object.entries(violations)) {
    it(`refuse what breaks "${rule}"`, () => {
      for (const file of Object.keys(files)) {
        const broken = found.filter(({ from }) => from === file).map((violation) => violation.rule);
        assert.deepEqual(broken, [rule], file);
      }
    });
  }

  it('let pass what the table of the architecture allows', () => {
    assert.deepEqual(
      found.filter(({ from }) => from in allowed),
      [],
    );
  });
});

async function findViolations(baseDir: string): Promise<{ rule: string; from: string }[]> {
  const { tsConfig: _unused, ...options } = rules.options;
  const { output } = await cruise(['extension', 'server', 'webview-ui', 'scripts'], {
    ...(options as ICruiseOptions),
    baseDir,
    validate: true,
    ruleSet: { forbidden: rules.forbidden } as NonNullable<ICruiseOptions['ruleSet']>,
  });
  return (output as ICruiseResult).summary.violations.map(({ rule, from }) => ({ rule: rule.name, from }));
}
