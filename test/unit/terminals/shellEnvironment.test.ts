import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { shellEnvironment, utf8Locale } from '../../../server/src/terminals/shells/shellEnvironment.ts';

describe('The environment of a shell', () => {
  it('keeps what is the person’s and describes our terminal', () => {
    const env = shellEnvironment({ HOME: '/home/x', LANG: 'C.UTF-8', PATH: '/usr/bin' }, {});
    assert.equal(env['HOME'], '/home/x');
    assert.equal(env['TERM'], 'xterm-256color');
    assert.equal(env['COLORTERM'], 'truecolor');
  });

  for (const name of [
    'VSCODE_IPC_HOOK_CLI',
    'VSCODE_NONCE',
    'ELECTRON_RUN_AS_NODE',
    'AI_DEV_ASSISTANT_HOME',
    'OPENAI_API_KEY',
    'ANTHROPIC_API_KEY',
    'NODE_CHANNEL_FD',
    'npm_config_registry',
  ]) {
    it(`has no ${name}`, () => assert.equal(name in shellEnvironment({ [name]: 'x' }, {}), false));
  }

  it('takes the editor’s own helpers out of PATH', () => {
    const env = shellEnvironment({ PATH: '/usr/bin:/opt/code/bin/remote-cli:/opt/code/bin/helpers:/bin' }, {});
    assert.equal(env['PATH'], '/usr/bin:/bin');
  });

  it('adds and removes what the caller asks for, which wins over everything', () => {
    const env = shellEnvironment({ A: '1', B: '2' }, { A: null, C: '3', TERM: 'dumb' });
    assert.equal('A' in env, false);
    assert.equal(env['C'], '3');
    assert.equal(env['TERM'], 'dumb');
  });

  for (const [name, value] of [
    ['', 'x'],
    ['A=B', 'x'],
    ['A\0', 'x'],
    ['A', 'x\0y'],
  ] as const) {
    it(`refuses ${JSON.stringify(name)} with ${JSON.stringify(value)}`, () => {
      assert.throws(
        () => shellEnvironment({}, { [name]: value }),
        (error) => error instanceof CodedError && error.reason === 'InvalidEnvironment',
      );
    });
  }
});

describe('The locale of a shell', () => {
  const cases: [string, Record<string, string>, NodeJS.Platform, Record<string, string>][] = [
    ['is UTF-8 where there is none', {}, 'linux', { LANG: 'C.UTF-8' }],
    ['is one that macOS knows there', { LANG: '' }, 'darwin', { LANG: 'en_US.UTF-8' }],
    ['stays as it is where it is UTF-8', { LANG: 'de_DE.UTF-8' }, 'linux', {}],
    ['stays as it is in the other spelling', { LANG: 'C', LC_CTYPE: 'de_DE.utf8' }, 'linux', {}],
    ['gets UTF-8 for characters only where it is another', { LANG: 'de_DE' }, 'linux', { LC_CTYPE: 'C.UTF-8' }],
    ['is left alone where all of it is set on purpose', { LC_ALL: 'C', LANG: 'C' }, 'linux', {}],
  ];
  for (const [what, env, platform, expected] of cases) {
    it(what, () => assert.deepEqual(utf8Locale(env, platform), expected));
  }
});
