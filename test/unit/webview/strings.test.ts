import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { readPersistedState } from '../../../webview-ui/src/agentPanel/state/persistedState.ts';
import { englishStrings, setTranslations, t } from '../../../webview-ui/src/strings.ts';

describe('the texts of the views', () => {
  afterEach(() => setTranslations({}));

  it('fill in their arguments, and leave a placeholder without one as it is', () => {
    assert.equal(t('tool.exitCode', { code: 3 }), 'exit code 3');
    assert.equal(t('tool.exitCode'), 'exit code {code}');
  });

  it('are replaced by translations, key by key', () => {
    setTranslations({ 'tool.exitCode': 'Code {code}' });
    assert.equal(t('tool.exitCode', { code: 3 }), 'Code 3');
    assert.equal(t('composer.sendHint'), 'Send (Enter)');
  });

  it('are all used', () => {
    const folder = path.resolve(import.meta.dirname, '../../../webview-ui/src');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
    const sources = files
      .filter((name) => path.basename(name) !== 'strings.ts')
      .map((name) => readFileSync(path.join(folder, name), 'utf8'))
      .join('\n');
    const unused = Object.keys(englishStrings).filter((key) => !sources.includes(`'${key}'`));
    assert.deepEqual(unused, []);
  });
});

describe('the state that survives a reload', () => {
  it('is read back', () => {
    const state = { sessionId: 'conversation-1', draft: 'Hello', chosenModel: null, dismissedDamage: ['mark'] };
    assert.deepEqual(readPersistedState(structuredClone(state)), state);
  });

  it('counts as empty where it has another shape', () => {
    const nothing = { sessionId: null, draft: '', chosenModel: null, dismissedDamage: [] };
    for (const value of [undefined, null, 7, 'text', [], { sessionId: 3, draft: {}, chosenModel: [] }]) {
      assert.deepEqual(readPersistedState(value), nothing);
    }
  });
});
