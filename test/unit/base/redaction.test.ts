import assert from 'node:assert/strict';
import { createLogger } from '../../../server/src/base/logger.ts';
import { HiddenValues } from '../../../server/src/base/hiddenValues.ts';
import { redact, redactEagerly } from '../../../server/src/base/redaction.ts';
import { isSecretKey, isSecretName, secretsOf } from '../../../server/src/base/secretNames.ts';

const webToken = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fw';

describe('What is kept out of texts', () => {
  for (const text of [
    webToken,
    `a ${webToken} b`,
    `jwt=${webToken}`,
    `"${webToken}"`,
    `x:${webToken},`,
    `/${webToken}`,
    `session-${webToken}`,
    `a_${webToken}`,
    `example.org.${webToken}`,
    `${webToken}.x`,
  ]) {
    it(`is a JSON web token in ${text.replace(webToken, 'TOKEN')}`, () => {
      assert.equal(redact(text), text.replace(webToken, '[redacted]'));
    });
  }

  const length = 400_000;
  const hostile = [
    '-eyJ',
    '-eyJaaaaaaaaaa',
    '-eyJaaaaaaaaaaaa.',
    '-eyJaaaaaaaaaa.bbbbbbbbbb',
    'eyJaaaaaaaaaa.bbbbbbbbbb.ccccc.',
    'a.',
    'eyJ',
    'token="',
    'a://b:',
    'SECRET_KEY=',
    'SECRET_KEY="',
    'SECRET_KEY=\'"',
    'a_',
    'a ',
    '-',
    '--a ',
    '--key\t',
    'authorization: basic ',
    'curl -u a',
    'mysql -p"',
    'docker login ',
    'sshpass -p ',
  ];
  for (const part of hostile) {
    // With a pattern that reads to the end from each start this takes minutes.
    it(`is found in a time that grows with the text, where it is made of "${part}"`, function () {
      this.timeout(5_000);
      const text = part.repeat(Math.ceil(length / part.length));
      assert.equal(typeof redactEagerly(text), 'string');
    });
  }

  it('is a token of our own form, also in the middle of a word', () => {
    const token = `ada_0123456789abcdef_${'Zq3-_Vt8L'.repeat(5).slice(0, 43)}`;
    for (const before of ['', ' ', 'x', '-', '_', 'é']) {
      assert.equal(redact(`${before}${token}`), `${before}[redacted]`);
    }
  });

  for (const start of [
    'eyJ',
    'sk-',
    'ghp_',
    'github_pat_',
    'glpat-',
    'npm_',
    'xoxb-',
    'Bearer ',
    'Bearer',
    'token=',
    'a://b:',
  ]) {
    it(`is looked for in twelve million characters behind "${start}", too`, () => {
      for (const character of ['x', '-', '.', ' ']) {
        assert.equal(typeof redactEagerly(start + character.repeat(12_000_000)), 'string');
      }
    });
  }

  it('is what was hidden by its value, in a log line too and in those of a child', () => {
    const lines: string[] = [];
    const hidden = new HiddenValues();
    const logger = createLogger((_level, line) => lines.push(line), 'trace', hidden);
    const secret = 'nobody-would-know-this';
    logger.info(`before ${secret}`);
    hidden.hide(secret);
    logger.child({ bound: secret }).warn(`after ${secret}`, { error: new Error(secret) });
    const [before = '', after = ''] = lines;
    assert.deepEqual([before.includes(secret), after.includes(secret)], [true, false]);
    assert.match(after, /^after \[redacted\] bound=\[redacted\]/);
  });

  it('are the last sixteen values that were hidden', () => {
    const hidden = new HiddenValues();
    for (let count = 0; count < 20; count++) hidden.hide(`value ${count}`);
    hidden.hide('value 5');
    assert.deepEqual([hidden.values.length, hidden.values[0], hidden.values.at(-1)], [16, 'value 4', 'value 5']);
  });
});

describe('The name of a secret', () => {
  const secret = [
    ...[
      'AWS_SECRET_ACCESS_KEY',
      'SECRET_KEY',
      'OPENAI_API_KEY',
      'AZURE_STORAGE_KEY',
      'ENCRYPTION_KEY',
      'signingKey',
      'x-api-key',
    ],
    ...[
      'GITHUB_TOKEN',
      'GITHUB_PAT',
      'NPM_AUTH',
      '_authToken',
      'DB_PASS',
      'PGPASSWORD',
      'MYSQL_PWD',
      'APIKey2',
      'passwd',
    ],
    ...['GOOGLE_APPLICATION_CREDENTIALS', 'credential', 'Cookie', 'Proxy-Authorization', 'PRIVATE_KEY', 'privatekey'],
  ];
  const harmless = [
    ...[
      'KEYBOARD',
      'MONKEY',
      'key',
      'workspaceKey',
      'PUBLIC_KEY',
      'keyPath',
      'PATH',
      'COMPASS',
      'bypass',
      'author',
      'patch',
    ],
    ...[
      'PWD',
      'OLDPWD',
      'TOKENIZERS_PARALLELISM',
      'MAX_TOKENS',
      'inputTokens',
      'tokenId',
      'SSH_AUTH_SOCK',
      'AUTH_TYPE',
      '',
      '_',
    ],
  ];

  it('holds a word for one', () => {
    for (const name of secret) assert.deepEqual([isSecretKey(name), isSecretName(name)], [true, true], name);
    for (const name of harmless) assert.deepEqual([isSecretKey(name), isSecretName(name)], [false, false], name);
  });

  it('may hold it anywhere, where others have given the name', () => {
    for (const name of ['SECRET_KEY_BASE', 'DB_PASSWORD_PROD']) {
      assert.deepEqual([isSecretKey(name), isSecretName(name)], [false, true], name);
    }
  });

  it('tells which values of the environment are secrets, unless they are as short as a word', () => {
    const environment = {
      SECRET_KEY: 'hunter2hunter2',
      DB_PASS: 'none',
      HOME: '/home/somebody',
      GITHUB_PAT: undefined,
    };
    assert.deepEqual(secretsOf(environment), ['hunter2hunter2']);
  });
});
