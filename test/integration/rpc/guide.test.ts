import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../../../scripts/project.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const guide = readFileSync(path.join(projectFolder, 'docs/user-guide/over-the-network.md'), 'utf8');
const blocks = [...guide.matchAll(/^```(sh|python)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}));

/** What each example prints, in the order of the guide. */
const expected: readonly RegExp[] = [
  /^\{"status":"ready"/,
  /"exitCode":0/,
  // There is no model here, which is what it says.
  /"error":"\w+","message":".*model/,
  /^ready\n3\n$/,
  /^$|^event: /,
  /^ada_[0-9a-f]{16}_[\w-]{43}\n[\s\S]*nightly build/,
  /^$/,
];

describe('The guide to HTTP and WebSocket', () => {
  const folder = temporaryFolder();
  const data = path.join(folder.path, 'data');
  let server: HttpServer;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    server = await HttpServer.start(data, ['--log-level', 'off', '--workspace', folder.path]);
    const program = path.join(folder.path, 'ai-dev-assistant');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${serverBundle}" "$@"\n`);
    chmodSync(program, 0o755);
    environment = {
      ...serverEnvironment(data),
      PATH: `${folder.path}:${process.env['PATH'] ?? ''}`,
      URL: server.url.origin,
      TOKEN_FILE: server.tokenFile,
    };
  });
  after(async () => {
    await server.stop();
    endPtyHostsOf(data);
    await waitFor('the pty host to end', () => ptyHostsOf(data).length === 0);
    folder.remove();
  });

  it('has as many examples as are tried here', () => {
    assert.equal(blocks.length, expected.length);
  });

  for (const [index, { language, text }] of blocks.entries()) {
    it(`has an example that works: ${text.split('\n', 1)[0] ?? ''}`, () => {
      const [command, args] = language === 'python' ? ['python3', ['-']] : ['bash', ['-euo', 'pipefail', '-s']];
      const run = spawnSync(command, args, {
        input: text,
        env: environment,
        cwd: folder.path,
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.equal(run.status, 0, run.stderr);
      assert.match(run.stdout, expected[index] ?? /never/);
    });
  }
});
