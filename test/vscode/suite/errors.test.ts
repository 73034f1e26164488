import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { showError } from '../../../extension/src/errors.ts';
import { CodedError } from '../../../server/protocol/errors.ts';

describe('An error that is shown to the person', () => {
  const log = vscode.window.createOutputChannel('Errors', { log: true });
  const window = vscode.window as unknown as Record<'showErrorMessage', (...args: string[]) => Promise<undefined>>;
  const original = window.showErrorMessage;
  let shown: string[] = [];

  before(() => {
    window.showErrorMessage = (...args) => {
      shown = args;
      return Promise.resolve(undefined);
    };
  });

  after(() => {
    window.showErrorMessage = original;
    log.dispose();
  });

  it('offers the setting where as many terminals are open as it allows', () => {
    showError(new CodedError('ResourceLimit', '2 terminals are open.', { args: { active: 2, max: 2 } }), log);
    assert.match(shown[0]!, /Open terminals: 2/);
    assert.deepEqual(shown.slice(1), ['Open Settings']);
  });

  it('does not offer it where something else is at its limit', () => {
    showError(new CodedError('ResourceLimit', '32 conversations are open. Close one.'), log);
    assert.deepEqual(shown, ['32 conversations are open. Close one.', 'Show Log']);
  });
});
