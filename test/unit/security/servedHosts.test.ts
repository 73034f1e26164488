import assert from 'node:assert/strict';
import { checkHostAndOrigin } from '../../../server/src/security/door/hostGuard.ts';
import { isLoopback, servedHosts } from '../../../server/src/security/door/servedHosts.ts';

describe('The names of a listener', () => {
  const cases: [host: string, allowed: string[], listened: string, served: string, names: string[]][] = [
    ['127.0.0.1', [], '127.0.0.1', '127.0.0.1', []],
    ['::1', [], '::1', '[::1]', []],
    ['127.0.0.1', ['Box.Example'], '127.0.0.1', '127.0.0.1', ['box.example']],
    ['192.0.2.7', [], '192.0.2.7', '192.0.2.7', ['192.0.2.7']],
    ['192.0.2.7', ['box.example'], '192.0.2.7', '192.0.2.7', ['192.0.2.7', 'box.example']],
    ['box.example', [], 'box.example', 'box.example', ['box.example']],
    ['FD00:0:0::2', [], 'FD00:0:0::2', '[fd00::2]', ['[fd00::2]']],
    ['[fd00::2]', [], 'fd00::2', '[fd00::2]', ['[fd00::2]']],
    ['0.0.0.0', ['box.example', '192.0.2.7'], '0.0.0.0', 'box.example', ['box.example', '192.0.2.7']],
    ['::', ['fd00::2'], '::', '[fd00::2]', ['[fd00::2]']],
  ];
  for (const [host, allowed, listened, served, names] of cases) {
    it(`are those that were given, for ${host} with ${allowed.join(' and ') || 'no other'}`, () => {
      assert.deepEqual(servedHosts(host, allowed), { host: listened, servedHost: served, allowedHosts: names });
      for (const name of [served, ...names, 'localhost']) {
        const rules = { port: 443, allowedHosts: names, isSecure: true, allowedOrigins: [] };
        assert.equal(checkHostAndOrigin({ host: name }, rules), 'ok', name);
        assert.equal(checkHostAndOrigin({ host: name }, { ...rules, isSecure: false }), 'BadHost', name);
        assert.equal(checkHostAndOrigin({ host: `evil.${name}` }, rules), 'BadHost');
      }
    });
  }

  it('have to be said where every address is listened on', () => {
    for (const host of ['0.0.0.0', '::', '[::]']) {
      assert.throws(() => servedHosts(host, []), { reason: 'InvalidParams', message: /--allowed-host/ });
    }
  });

  const noHosts = [
    '',
    '*',
    '*.example',
    'box.example:443',
    'https://box.example',
    'box.example/',
    'a b',
    'a,b',
    'user@box.example',
    'box..example',
    '.example',
    '-box',
    '127.1',
    '2130706433',
    'fe80::1%eth0',
    '[box]',
    'b\u00f6x.example',
    'x'.repeat(64),
    `${'x.'.repeat(130)}example`,
  ];
  for (const host of noHosts) {
    it(`are not "${host.slice(0, 40)}"`, () => {
      assert.throws(() => servedHosts('192.0.2.7', [host]), { reason: 'InvalidParams' });
      assert.throws(() => servedHosts(host, ['box.example']), { reason: 'InvalidParams' });
    });
  }

  it('are of this machine alone for two addresses', () => {
    assert.deepEqual(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::', '127.0.0.2', '192.0.2.7', ''].map(isLoopback), [
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
