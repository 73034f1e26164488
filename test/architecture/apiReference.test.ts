import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { renderApiDocuments } from '../../scripts/apiReference.ts';
import { projectFolder } from '../../scripts/project.ts';
import { clientRequests } from '../../server/protocol/openApi.ts';

describe('What is generated from the contract', () => {
  const documents = renderApiDocuments();

  for (const [name, text] of documents) {
    it(`stands in ${name}`, () => {
      const current = readFileSync(path.join(projectFolder, name), 'utf8');
      assert.equal(current, text, `${name} is stale: run "npm run docs" and commit it`);
    });
  }

  it('has every request that a client may send', () => {
    for (const [method] of clientRequests()) {
      for (const [name, text] of documents) assert.ok(text.includes(method), `${name} lacks ${method}`);
    }
  });
});
