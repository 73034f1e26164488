import assert from 'node:assert/strict';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { cacheFolder } from '../../../scripts/project.ts';

describe('the cache folder', () => {
  const usual = path.join(os.homedir(), '.cache', 'ai-dev-assistant');

  it('is the one that a person asks for', () => {
    const asked = path.resolve('/somewhere/else');
    assert.equal(cacheFolder({ AI_DEV_ASSISTANT_CACHE: asked, XDG_CACHE_HOME: path.resolve('/xdg') }), asked);
  });

  it('stands among the other caches of the user', () => {
    assert.equal(
      cacheFolder({ XDG_CACHE_HOME: path.resolve('/xdg') }),
      path.join(path.resolve('/xdg'), 'ai-dev-assistant'),
    );
    assert.equal(cacheFolder({}), usual);
  });

  it('ignores a relative XDG folder, which would differ with each working folder', () => {
    assert.equal(cacheFolder({ XDG_CACHE_HOME: 'relative' }), usual);
  });
});
