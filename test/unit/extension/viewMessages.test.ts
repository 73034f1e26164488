import * as assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readViewMessage } from '../../../extension/src/panels/viewMessages.ts';
import { commandsForViews, methodsForViews, notificationsForViews } from '../../../server/protocol/panelBridge.ts';

describe('A message from a webview', () => {
  it('is understood for every method, notification and command that the bridge names', () => {
    const messages = [
      { kind: 'ready' },
      { kind: 'cancel', id: 1 },
      ...methodsForViews.map((method) => ({ kind: 'request', id: 7, method, params: {} })),
      ...notificationsForViews.map((method) => ({ kind: 'notification', method, params: {} })),
      ...commandsForViews.map((command) => ({ kind: 'action', action: { action: 'runCommand', command } })),
      { kind: 'action', action: { action: 'openSetting', key: 'providers.openai.baseUrl' } },
      { kind: 'action', action: { action: 'openLink', url: 'https://example.org/a?b#c' } },
      { kind: 'action', action: { action: 'openFile', path: 'src/a.ts', line: 3 } },
      { kind: 'action', action: { action: 'openFile', path: '/a.ts' } },
      { kind: 'action', action: { action: 'copyText', text: 'x' } },
      { kind: 'action', action: { action: 'showTerminal', terminalId: '0123456789abcdef'.repeat(2) } },
      { kind: 'action', action: { action: 'manageTrust' } },
    ];
    for (const message of messages) assert.deepEqual(readViewMessage(message), { message });
  });

  it('is refused when it asks for what views may not have', () => {
    const strange: unknown[] = [
      null,
      'ready',
      [],
      { kind: 'launch' },
      { kind: 'request', id: 1, method: 'session/new' },
      { kind: 'request', id: 1, method: 'toString', params: {} },
      { kind: 'request', id: '1', method: 'session/new', params: {} },
      { kind: 'notification', method: 'settings/changed', params: {} },
      { kind: 'action', action: { action: 'runCommand', command: 'killAllTerminals' } },
      { kind: 'action', action: { action: 'openLink', url: 'command:workbench.action.quit' } },
      { kind: 'action', action: { action: 'openLink', url: 'javascript:alert(1)' } },
      { kind: 'action', action: { action: 'openLink', url: 'file:///etc/passwd' } },
      { kind: 'action', action: { action: 'openSetting', key: '@id:x y' } },
      { kind: 'action', action: { action: 'openFile', path: 'a', line: 0 } },
      { kind: 'action', action: { action: 'openFile', path: '' } },
      { kind: 'action', action: { action: 'copyText', text: 4 } },
      { kind: 'action', action: { action: 'showTerminal', terminalId: 'all of them' } },
      { kind: 'action', action: 'copyText' },
    ];
    for (const value of strange) {
      const read = readViewMessage(value);
      assert.ok('problem' in read, `${JSON.stringify(value)} was taken`);
    }
  });

  it('that asks for the page of trust carries nothing else to VS Code', () => {
    const action = { action: 'manageTrust', command: 'workbench.action.quit', args: [1] };
    assert.deepEqual(readViewMessage({ kind: 'action', action }), {
      message: { kind: 'action', action: { action: 'manageTrust' } },
    });
  });

  it('that asks for a forbidden method says so to the view that waits', () => {
    const read = readViewMessage({ kind: 'request', id: 9, method: 'terminal/rename', params: {} });
    assert.deepEqual(read, { problem: 'the method "terminal/rename"', requestId: 9, isForbidden: true });
  });

  it('of any shape never makes reading it fail', () => {
    fc.assert(
      fc.property(fc.object({ withBigInt: false }), fc.anything({ withBigInt: false }), (message, part) => {
        readViewMessage(message);
        readViewMessage(part);
        for (const kind of ['request', 'action', 'notification', 'cancel']) {
          readViewMessage({ ...message, kind, id: part, method: part, params: part, action: part });
        }
      }),
    );
  });
});
