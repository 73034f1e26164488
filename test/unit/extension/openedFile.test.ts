import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { openedFile } from '../../../extension/src/panels/openedFile.ts';

describe('A file that a view asks for', () => {
  const folder = path.resolve('/project');

  it('belongs to the first folder where it is not absolute', () => {
    assert.equal(openedFile('src/a.ts', [folder, path.resolve('/other')]), path.join(folder, 'src/a.ts'));
    assert.equal(openedFile(path.resolve('/other/a.ts'), [folder]), path.resolve('/other/a.ts'));
  });

  it('is on no server, unless a folder of the window is there', () => {
    const onServers = [
      '//server/share/a.ts',
      '\\\\server\\share\\a.ts',
      '/\\server/share/a.ts',
      '\\/server/share/a.ts',
    ];
    for (const file of onServers) assert.equal(openedFile(file, [folder]), undefined, file);
    assert.equal(openedFile('//server/share/a.ts', []), undefined);
    assert.equal(
      openedFile('//server/share/project/a.ts', [folder, '//server/share/project']),
      '//server/share/project/a.ts',
    );
    assert.equal(openedFile('//server/share/project/../a.ts', ['//server/share/project']), undefined);
  });
});
