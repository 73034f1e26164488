import * as assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { SettingsFile } from '../../../server/src/cli/settingsFile.ts';
import { eventually } from '../../support/eventually.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('a settings.json that is watched', () => {
  it('tells what it says when it comes, changes and goes, and nothing while it cannot be used', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder.path, 'settings.json');
    const { logger, lines } = recordingLogger();
    const seen: object[] = [];
    const environment = { OLLAMA_HOST: 'localhost:1' };
    const watching = new SettingsFile(folder.path, environment, logger).watch((settings) => seen.push(settings));
    const always = { 'providers.ollama.baseUrl': 'http://localhost:1' };
    try {
      writeFileSync(file, '{"terminals.max": 7}');
      await eventually('it to come', () => seen.length === 1);
      for (const [text, complaint] of [
        ['{"terminals.max": ', 'not valid JSON'],
        ['[]', 'not one JSON object'],
      ] as const) {
        writeFileSync(file, text);
        await eventually(complaint, () => lines.some((line) => line.includes(complaint)));
      }
      assert.equal(seen.length, 1);
      rmSync(file);
      await eventually('it to go', () => seen.length === 2);
      assert.deepEqual(seen, [{ ...always, 'terminals.max': 7 }, always]);
    } finally {
      watching.dispose();
      folder.remove();
    }
  }).timeout(30_000);
});
