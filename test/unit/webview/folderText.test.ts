import assert from 'node:assert/strict';
import { folderText } from '../../../webview-ui/src/agentPanel/view/folderText.ts';

describe('the name of the folder in which a command would run', () => {
  it('is left out for the folder of the workspace', () => {
    assert.equal(folderText('/project', '/project'), null);
    assert.equal(folderText('/project/', '/project'), null);
    assert.equal(folderText('C:\\project', 'C:\\project\\'), null);
    assert.equal(folderText('/', '/'), null);
  });

  it('is the way from the workspace for a folder inside it', () => {
    assert.equal(folderText('/project/packages/core', '/project'), 'packages/core');
    assert.equal(folderText('C:\\project\\src', 'C:\\project'), 'src');
    assert.equal(folderText('/etc', '/'), 'etc');
  });

  it('is the whole path for any other folder, also one whose name only begins alike', () => {
    assert.equal(folderText('/projectile', '/project'), '/projectile');
    assert.equal(folderText('/', '/project'), '/');
    assert.equal(folderText('/etc', null), '/etc');
  });
});
