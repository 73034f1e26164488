import assert from 'node:assert/strict';
import { createLogger, type LogFields } from '../../../server/src/base/logger.ts';
import { redactEagerly } from '../../../server/src/base/redaction.ts';

const secrets = [
  'sk-abcdefghijklmnopqrstuvwx',
  `ghp_${'a'.repeat(36)}`,
  `github_pat_${'b'.repeat(30)}`,
  `ada_0123456789abcdef_${'c'.repeat(43)}`,
  'AKIAABCDEFGHIJKLMNOP',
  'ASIAABCDEFGHIJKLMNOP',
  `sk_live_${'g'.repeat(24)}`,
  `hf_${'h'.repeat(34)}`,
  `GOCSPX-${'i'.repeat(28)}`,
  `eyJ${'d'.repeat(20)}.${'e'.repeat(20)}.${'f'.repeat(10)}`,
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----',
];

function lineOf(message: string, fields: LogFields = {}): string {
  const lines: string[] = [];
  createLogger((_level, line) => lines.push(line), 'info').info(message, fields);
  return lines.join('');
}

describe('A line of the log', () => {
  for (const secret of secrets) {
    it(`does not hold ${secret.slice(0, 12)}…, wherever it was`, () => {
      const error = new Error(`with ${secret}`, { cause: new Error(secret) });
      const line = lineOf(`said ${secret}`, { text: secret, inner: { deep: [secret] }, error });
      const inOneLine = secret.replaceAll('\n', '\\n');
      assert.equal(line.includes(secret) || line.includes(inOneLine) || line.includes('MC4CAQAw'), false, line);
      assert.match(line, /\[redacted\]/);
    });
  }

  it('does not hold what is called a secret, however it looks', () => {
    for (const name of [
      'apiKey',
      'api_key',
      'token',
      'accessToken',
      'password',
      'Authorization',
      'privateKey',
      'cookie',
    ]) {
      assert.equal(lineOf('told', { [name]: 'plain words' }).includes('plain words'), false, name);
      assert.equal(
        lineOf('told', { params: { inner: { [name]: 'plain words' } } }).includes('plain words'),
        false,
        name,
      );
    }
    assert.ok(lineOf('told', { path: 'plain words' }).includes('path=plain words'));
  });

  it('is one line that moves no cursor and reorders nothing, whatever a stranger sends', () => {
    const line = lineOf('a\r\nINFO forged', { text: '\x1b]0;title\x07\x1b[2J\u202Ereversed\u2028next\x85\n\x9b31m' });
    assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
    assert.ok(line.includes('a\\nINFO forged'), 'it is there to be read all the same');
    assert.ok(line.includes('\\u{1b}]0;title'));
    assert.ok(line.includes('\\u{202e}reversed'));
  });

  it('has an end', () => {
    assert.ok(lineOf('x'.repeat(10_000_000)).length < 100_000);
  });

  it('writes the stack of a fault, and of an error that explains itself only what it says', () => {
    const lines: string[] = [];
    const logger = createLogger((_level, line) => lines.push(line), 'info');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    logger.warn('Not written', { error: new Error('Could not save', { cause: full }) });
    logger.warn('Not written', { error: full });
    assert.match(
      lines[0] ?? '',
      /error=Error: Could not save\\n +at .* caused by ENOSPC: no space left on device, write$/,
    );
    assert.equal(lines[1], 'Not written error=ENOSPC: no space left on device, write');
  });
});

describe('What is kept for long', () => {
  const cases: readonly (readonly [text: string, secret: string])[] = [
    ['PASSWORD=hunter2secret make', 'hunter2secret'],
    ['curl --token "two words" x', 'two words'],
    ['smbclient //host/share password hunter2', 'hunter2'],
    ['{"apiKey": "abc123"}', 'abc123'],
    ['https://me:hunter2@host/path', 'hunter2'],
    ['Authorization: Basic bWU6aHVudGVyMg==', 'bWU6aHVudGVyMg'],
    ['curl -H "Authorization: Bearer short"', 'short'],
    ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG aws s3 ls', 'wJalr'],
    ['export SECRET_KEY="two words"', 'words'],
    ['SECRET_KEY_BASE=hunter2secret rails', 'hunter2'],
    ['docker run -e DB_PASS=hunter2secret x', 'hunter2'],
    ['tool --access-key hunter2secret', 'hunter2'],
    ['tool --storage-key=hunter2secret', 'hunter2'],
    ['DefaultEndpointsProtocol=https;AccountName=me;AccountKey=abc123==;', 'abc123'],
    ['https://example.org/?a=b&signingKey=abc123&c=d', 'abc123'],
    ['{"clientSecretKey": "abc123"}', 'abc123'],
    ['curl -u me:hunter2 https://example.org', 'hunter2'],
    ['curl --user "me:hunter2" https://example.org', 'hunter2'],
    ['mysql -u me -phunter2 db', 'hunter2'],
    ['sshpass -p hunter2 ssh host', 'hunter2'],
    ['docker login -u me -p hunter2 registry', 'hunter2'],
    ['redis-cli -a hunter2 ping', 'hunter2'],
  ];
  for (const [text, secret] of cases) {
    it(`has nothing of the secret in: ${text}`, () => assert.equal(redactEagerly(text).includes(secret), false));
  }

  it('has nothing of what is known to be a secret, which looks like any word', () => {
    assert.equal(
      redactEagerly('say plainWord and plainWord again', ['plainWord']),
      'say [redacted] and [redacted] again',
    );
  });

  it('is left as it is where nothing is secret', () => {
    for (const text of [
      ...['npm run build', 'git log --oneline', 'https://example.org/a?b=c#d', 'mkdir -p a/b', 'sort --key=2 list'],
      ...['docker run -u 1000:1000 -p 8080:80 x', 'psql -p 5432', 'ssh -i key.pem host', 'export PATH=/usr/bin:$PATH'],
      ...['SSH_AUTH_SOCK=/run/x ssh host', 'TOKENIZERS_PARALLELISM=false python x.py', 'PWD=/x OLDPWD=/y make'],
      ...[
        'git commit -m "bypass: the cache"',
        'mocha --grep "author: x"',
        'curl -fsSL https://example.org/a:b',
        'MAX_TOKENS=4096 x',
      ],
    ]) {
      assert.equal(redactEagerly(text), text);
    }
  });
});
