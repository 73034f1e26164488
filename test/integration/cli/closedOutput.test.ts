import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

/** As `ai-dev-assistant … | head`, where `head` has left before anything is written. */
describe('The command line whose output nobody reads any more', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  for (const args of [['backup', 'list'], ['tokens', 'list'], ['--help'], ['backup', 'create', '--json']]) {
    it(`ends quietly: ${args.join(' ')}`, async () => {
      const child = spawn(process.execPath, [serverBundle, ...args], {
        env: serverEnvironment(folder.path),
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 30_000,
      });
      child.stdout.destroy();
      let errors = '';
      child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
      const [exitCode] = (await once(child, 'close')) as [number | null];
      assert.deepEqual([exitCode, errors], [0, '']);
    });
  }

  it('does not end loudly either when its errors go there too', async () => {
    const child = spawn(process.execPath, [serverBundle, 'backup', 'restore', 'latest'], {
      env: serverEnvironment(folder.path),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
    });
    child.stderr.destroy();
    const [exitCode] = (await once(child, 'close')) as [number | null];
    assert.equal(exitCode, 1);
  });
});
