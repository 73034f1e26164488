import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readManifest } from '../../../scripts/project.ts';
import { StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('The compiled code that a server keeps', () => {
  const folder = temporaryFolder();
  const cache = path.join(folder.path, 'compileCache');
  let server: StdioServer | undefined;
  afterEach(() => server?.stop());
  after(() => folder.remove());

  it('is written in the data folder for the next start, and that of other versions goes', async () => {
    fs.mkdirSync(path.join(cache, '0.0.0-other'), { recursive: true });
    server = new StdioServer(folder.path);
    await server.initialize();
    await waitFor('the code to be kept', () => keptBytes(path.join(cache, readManifest().version)) > 100_000);
    await waitFor('the other version to go', () => !fs.existsSync(path.join(cache, '0.0.0-other')));
  });

  it('holds up no start when it is damaged', async () => {
    for (const file of files(cache)) fs.writeFileSync(file, 'damaged');
    server = new StdioServer(folder.path);
    assert.ok((await server.initialize()).result);
  });
});

function files(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name));
  return names.filter((name) => fs.statSync(name).isFile());
}

const keptBytes = (folder: string): number => files(folder).reduce((sum, file) => sum + fs.statSync(file).size, 0);
