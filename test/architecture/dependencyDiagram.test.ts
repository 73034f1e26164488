import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { renderDiagramPage, withDiagram } from '../../scripts/dependencyDiagram.ts';

describe('the dependency diagram', () => {
  it('in docs/architecture.md is the one that the sources give', async () => {
    const { current, expected } = await renderDiagramPage();
    assert.equal(current, expected, 'docs/architecture.md is stale: run "npm run docs" and commit it');
  });

  it('is put between its markers and changes nothing around them', () => {
    const page =
      'before\n<!-- dependency diagram: written by "npm run docs" -->\nold\n<!-- end of the dependency diagram -->\nafter\n';
    const changed = withDiagram(page, 'new');
    assert.equal(changed, page.replace('old', 'new'));
    assert.equal(withDiagram(changed, 'new'), changed);
  });

  it('refuses a page that has lost its markers', () => {
    assert.throws(() => withDiagram('no markers here', 'new'), /lacks the line/);
  });
});
