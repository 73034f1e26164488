import assert from 'node:assert/strict';
import { readPersistedState } from '../../../webview-ui/src/agentPanel/state/persistedState.ts';
import { setTranslations, t } from '../../../webview-ui/src/strings.ts';

describe('the texts of the views', () => {
  afterEach(() => setTranslations({}));

  it('fill in their arguments, and leave a placeholder without one as it is', () => {
    assert.equal(t('tool.exitCode', { code: 3 }), 'exit code 3');
    assert.equal(t('tool.exitCode'), 'exit code {code}');
  });

  it('are replaced by translations, key by key', () => {
    setTranslations({ 'tool.exitCode': 'Code {code}' });
    assert.equal(t('tool.exitCode', { code: 3 }), 'Code 3');
    assert.equal(t('composer.send'), 'Send');
  });
});

describe('the state that survives a reload', () => {
  it('is read back', () => {
    const state = { sessionId: 'conversation-1', draft: 'Hello', chosenModel: null };
    assert.deepEqual(readPersistedState(structuredClone(state)), state);
  });

  it('counts as empty where it has another shape', () => {
    const nothing = { sessionId: null, draft: '', chosenModel: null };
    for (const value of [undefined, null, 7, 'text', [], { sessionId: 3, draft: {}, chosenModel: [] }]) {
      assert.deepEqual(readPersistedState(value), nothing);
    }
  });
});
