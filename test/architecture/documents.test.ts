import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { readSettings, settingKeys } from '../../server/protocol/settings.ts';
import { projectFolder, readManifest } from '../../scripts/project.ts';

const documents = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: projectFolder })];
const read = (file: string): string => readFileSync(path.join(projectFolder, file), 'utf8');

describe('The documents', () => {
  for (const file of documents) {
    it(`of ${file} link to what exists`, () => {
      for (const [, target = ''] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|#)/.test(target)) continue;
        const [name = ''] = target.split('#');
        assert.ok(existsSync(path.join(projectFolder, path.dirname(file), name)), `${file} links to ${target}`);
      }
    });
  }

  it('name npm scripts that exist', () => {
    const scripts = readManifest()['scripts'] as Record<string, string>;
    const named = [...read('README.md').matchAll(/(?:`|^)npm (?:run )?([\w:]+)/gm)].map(([, name]) => name);
    assert.ok(named.length >= 6);
    for (const name of named)
      if (name !== 'ci') assert.ok(name !== undefined && name in scripts, `npm run ${name ?? ''}`);
  });

  it('call commands by the titles that the palette has', () => {
    const titles = new Set(Object.values(JSON.parse(read('package.nls.json')) as Record<string, string>));
    for (const file of ['README.md', 'docs/user-guide/README.md']) {
      for (const [, title = ''] of read(file).matchAll(/\*(AI Assistant: [^*]+)\*/g)) {
        assert.ok(titles.has(title.replace(/\s+/g, ' ')), `${file} names ${title}`);
      }
    }
  });

  it('have every setting with its default', () => {
    const section = /^## Settings$([\s\S]*?)^## /m.exec(read('docs/user-guide/README.md'))?.[1] ?? '';
    const rows = [...section.matchAll(/^\| `([\w.]+)` \|([^|]*)\|/gm)];
    const table = new Map(rows.map(([, key, value = '']) => [key, value.trim().replaceAll('`', '')]));
    assert.deepEqual([...table.keys()].sort(), [...settingKeys].sort());
    const { settings } = readSettings({});
    for (const key of settingKeys) {
      const value = settings[key];
      // An empty address stands for the provider's own, which the table names.
      const text = Array.isArray(value) ? JSON.stringify(value) : String(value);
      if (value !== '') assert.equal(table.get(key), text, key);
    }
  });

  it('of the architecture name folders and files that exist', () => {
    for (const [, name = ''] of read('docs/architecture.md').matchAll(
      /`((?:server\/(?:src|protocol)|extension\/src|webview-ui\/src|test|scripts)\/[\w./-]+)`/g,
    )) {
      assert.ok(existsSync(path.join(projectFolder, name)), name);
    }
  });
});
