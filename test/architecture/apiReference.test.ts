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

  it('has every request that a client may send, in OpenAPI those that HTTP has', () => {
    const reference = documents.get('docs/user-guide/api-reference.md') ?? '';
    const { paths } = JSON.parse(documents.get('docs/openapi.json') ?? '') as { paths: Record<string, object> };
    for (const [method, { insteadOverHttp }] of clientRequests()) {
      assert.ok(reference.includes(`### ${method}\n`), method);
      assert.equal(`/api/${method}` in paths, insteadOverHttp === undefined, method);
    }
  });
});
