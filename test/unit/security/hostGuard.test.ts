import * as assert from 'node:assert/strict';
import { checkHostAndOrigin } from '../../../server/src/security/door/hostGuard.ts';

const rules = {
  port: 4_711,
  allowedOrigins: ['https://example.org', 'HTTP://Tool.test:8080/', 'vscode-webview://abc'],
};

describe('host guard', () => {
  it('lets programs through that address the listener by a name of loopback', () => {
    for (const host of ['127.0.0.1:4711', 'localhost:4711', 'LOCALHOST:4711', 'localhost.:4711', '[::1]:4711']) {
      assert.equal(checkHostAndOrigin({ host }, rules), 'ok', host);
    }
    assert.equal(checkHostAndOrigin({ host: 'localhost' }, { ...rules, port: 80 }), 'ok');
  });

  const badHosts = [
    undefined,
    '',
    'localhost',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.1:4712',
    'evil.test:4711',
    'localhost.evil.test:4711',
    '127.0.0.1.evil.test:4711',
    'evil.test@127.0.0.1:4711',
    '127.0.0.1:4711@evil.test',
    '127.0.0.2:4711',
    '0.0.0.0:4711',
    '2130706433:4711',
    '0x7f.1:4711',
    '[::]:4711',
    '[::ffff:127.0.0.1]:4711',
    '127.0.0.1:4711, evil.test',
    '127.0.0.1:04711x',
    ' 127.0.0.1:4711',
    '127.0.0.1:4711/',
    'localhost..:4711',
    '[::1]',
    '::1:4711',
    '127.0.0.1:99999999',
  ];
  for (const host of badHosts) {
    it(`refuses the host ${JSON.stringify(host)}, whatever the origin`, () => {
      assert.equal(checkHostAndOrigin({ host }, rules), 'BadHost');
      assert.equal(checkHostAndOrigin({ host, origin: 'https://example.org' }, rules), 'BadHost');
    });
  }

  it('lets through exactly the web pages that are allowed', () => {
    const host = '127.0.0.1:4711';
    const allowed = [
      'https://example.org',
      'https://EXAMPLE.org',
      'https://example.org:443',
      'http://tool.test:8080',
      'vscode-webview://abc',
    ];
    for (const origin of allowed) assert.equal(checkHostAndOrigin({ host, origin }, rules), 'ok', origin);
    const refused = [
      '',
      'null',
      '*',
      'http://example.org',
      'https://example.org.evil.test',
      'https://evil.test',
      'https://example.org:444',
      'https://sub.example.org',
      'http://127.0.0.1:4711',
      'http://localhost:4711',
      'https://example.org/path',
      'https://a@example.org',
      'vscode-webview://abd',
      'file://',
      'https://',
      'https://example.org https://evil.test',
    ];
    for (const origin of refused) assert.equal(checkHostAndOrigin({ host, origin }, rules), 'BadOrigin', origin);
  });

  it('takes null and wildcards in the settings for no origin at all', () => {
    const wild = { port: 4_711, allowedOrigins: ['*', 'null', '', 'https://*'] };
    for (const origin of ['null', '*', 'https://evil.test', '']) {
      assert.equal(checkHostAndOrigin({ host: 'localhost:4711', origin }, wild), 'BadOrigin', origin);
    }
  });

  it('knows further names where the listener has them', () => {
    const named = { ...rules, allowedHosts: ['Server.test'] };
    assert.equal(checkHostAndOrigin({ host: 'server.test:4711' }, named), 'ok');
    assert.equal(checkHostAndOrigin({ host: 'other.test:4711' }, named), 'BadHost');
  });
});
