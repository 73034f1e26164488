import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { glyphs } from '../../../webview-ui/src/components/glyphs.ts';

describe('the icons', () => {
  it('have the code points of the installed codicon font', () => {
    const packageFile = createRequire(import.meta.url).resolve('@vscode/codicons/package.json');
    const table = readFileSync(path.join(path.dirname(packageFile), 'dist', 'codicon.csv'), 'utf8');
    const known = new Map(
      table.split('\n').map((line) => {
        const [name = '', , code = ''] = line.trim().split(',');
        return [name, Number.parseInt(code, 16)];
      }),
    );
    for (const [name, code] of Object.entries(glyphs)) assert.equal(known.get(name), code, name);
  });
});
