// Who may import whom, as the table in docs/architecture.md says; dependency-cruiser checks it. The names of rules are
// what a person reads when one is broken.

/** Folders of the server that are no services; what stands beside them is one, also a folder that is yet to come. */
const noServices = 'base|ptyProtocol|ptyHost|rpc|transports|cli';

/** All sources of ours. */
const ours = '^(extension|server|webview-ui|test|scripts)/';

/** One library, one owner: the only places that may import it. */
const owners = {
  vscode: '^(extension/|test/vscode/)',
  'vscode-languageclient': '^extension/src/server/',
  'vscode-jsonrpc': '^server/src/transports/',
  ws: '^server/src/transports/',
  'node-pty': '^server/src/ptyHost/',
  '@xterm/headless': '^server/src/terminals/',
  'sql.js': '^server/src/storage/',
  'lru-cache': '^server/src/cache/',
};

const npm = [
  'npm',
  'npm-dev',
  'npm-optional',
  'npm-peer',
  'npm-bundled',
  'npm-no-pkg',
  'npm-unknown',
  'unknown',
  'undetermined',
];

/** Nothing but what `to` allows: a rule that forbids everything else of ours. */
function only(name, comment, from, allowed) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from },
    to: { path: ours, pathNot: allowed },
  };
}

export default {
  forbidden: [
    {
      name: 'no cycles',
      comment: 'Move what both need into a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'every import is found',
      comment: 'The file or package is not there.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
    {
      name: 'every package is declared',
      comment: 'Add it to package.json.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], pathNot: '^vscode$' },
    },
    only(
      'the contract imports itself and zod',
      'Nothing else of ours belongs into it.',
      '^server/protocol/',
      '^server/protocol/',
    ),
    {
      name: 'the contract needs no library but zod',
      comment: 'It is imported by every side: no Node, no DOM.',
      severity: 'error',
      from: { path: '^server/protocol/' },
      to: { dependencyTypes: [...npm, 'core'], pathNot: '^node_modules/zod/' },
    },
    only(
      'the extension imports itself and the contract',
      'Ask the server over the contract.',
      '^extension/',
      '^(extension/|server/protocol/)',
    ),
    only(
      'the webviews import themselves and the contract',
      'Ask the extension over the bridge.',
      '^webview-ui/',
      '^(webview-ui/|server/protocol/)',
    ),
    {
      name: 'clients import the types of the contract only',
      comment:
        'Use `import type`, so that no zod lands in their bundles; errors.ts, version.ts and panelBridge.ts are free of it.',
      severity: 'error',
      from: { path: '^(extension|webview-ui)/' },
      to: {
        path: '^server/protocol/',
        pathNot: '^server/protocol/(errors|version|panelBridge)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'errors.ts, version.ts and panelBridge.ts are free of zod',
      comment: 'They are what clients bundle of the contract.',
      severity: 'error',
      from: { path: '^server/protocol/(errors|version|panelBridge)\\.ts$' },
      to: { path: '.', dependencyTypesNot: ['type-only'] },
    },
    only(
      'base imports itself',
      'It is the ground everything stands on; of the contract it knows the types.',
      '^server/src/base/',
      '^server/(src/base|protocol)/',
    ),
    {
      name: 'base imports types of the contract only',
      comment: 'Use `import type`: the pty host bundles base, and must not bundle the contract.',
      severity: 'error',
      from: { path: '^server/src/base/' },
      to: { path: '^server/protocol/', dependencyTypesNot: ['type-only'] },
    },
    only(
      'ptyProtocol imports itself',
      'It is frozen and shared by both ends.',
      '^server/src/ptyProtocol/',
      '^server/src/ptyProtocol/',
    ),
    only(
      'the pty host imports itself, base and ptyProtocol',
      'It outlives servers and knows nothing of them.',
      '^server/src/ptyHost/',
      '^server/src/(ptyHost|base|ptyProtocol)/',
    ),
    only(
      'rpc imports base and the contract',
      'It knows no service.',
      '^server/src/rpc/',
      '^server/(src/(rpc|base)|protocol)/',
    ),
    only(
      'transports import rpc, base and the contract',
      'They know no service.',
      '^server/src/transports/',
      '^server/(src/(transports|rpc|base)|protocol)/',
    ),
    {
      name: 'a service imports itself, base and the contract',
      comment: 'What it needs of another is an interface in its ports.ts, joined in createServer.',
      severity: 'error',
      from: { path: '^server/src/([^/]+)/', pathNot: `^server/src/(${noServices})/` },
      // The terminals talk to the pty host in its protocol; the rule after this one keeps that to them.
      to: { path: ours, pathNot: '^server/(src/($1|base|ptyProtocol)|protocol)/' },
    },
    {
      name: 'only the terminals speak to the pty host',
      comment: 'Other services ask the terminal service.',
      severity: 'error',
      from: {
        path: '^server/src/',
        pathNot: '^server/src/(terminals|ptyHost|ptyProtocol)/|^server/src/[^/]+\\.ts$|^server/src/cli/',
      },
      to: { path: '^server/src/(ptyProtocol|ptyHost)/' },
    },
    {
      name: 'the product imports no tests and no scripts',
      comment: 'These are for development.',
      severity: 'error',
      from: { path: '^(extension|server|webview-ui)/' },
      to: { path: '^(test|scripts)/' },
    },
    ...Object.entries(owners).map(([library, owner]) => ({
      name: `${library} has one owner`,
      comment: `Only ${owner} may import it.`,
      severity: 'error',
      from: { path: '^(extension|server|webview-ui)/', pathNot: owner },
      to: { path: `^(node_modules/(@types/)?${library.replace('.', '\\.')}(/|$)|${library.replace('.', '\\.')}$)` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|test-output|test/fixtures)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
