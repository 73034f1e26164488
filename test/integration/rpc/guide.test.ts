import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { projectFolder } from '../../../scripts/project.ts';
import { calls, says } from '../../support/modelScript.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

interface Example {
  readonly language: string;
  readonly text: string;
}

function examplesOf(name: string): readonly Example[] {
  const guide = readFileSync(path.join(projectFolder, 'docs/user-guide', name), 'utf8');
  return [...guide.matchAll(/^```(sh|python)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

const [start, stop, ...examples] = [...examplesOf('over-the-network.md'), ...examplesOf('stored-data.md')];

/** What each example between the start and the end of a server prints, in the order of the guides. */
const expected: readonly RegExp[] = [
  /"exitCode":0/,
  /^\{"stopReason":"end_turn"[^\n]*\}\n# [\s\S]*permission of a person[\s\S]*There is one file/,
  /^ready\n3\n$/,
  /^: the stream begins\n/,
  /^ada_[0-9a-f]{16}_[\w-]{43}\n[\s\S]*nightly build/,
  /^$/,
  /^over stdio\n/,
  /^TIME +KIND[\s\S]* command\.run /,
];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('The guides to HTTP, WebSocket and the audit log', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const data = path.join(folder.path, 'data');
  let model: ModelServer;
  /** What the first example has set is there for the others, as in the shell of a reader. */
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    model = await ModelServer.start({
      models: ['small'],
      replies: [
        { ...calls({ name: 'run_command', arguments: { command: 'ls' } }), when: { lastRole: 'user' } },
        { ...says('There is one file.'), when: { lastRole: 'tool' } },
      ],
    });
    const program = path.join(folder.path, 'ai-dev-assistant');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${serverBundle}" "$@"\n`);
    chmodSync(program, 0o755);
    // The place of a checkout, in which the first example is to be run.
    for (const name of ['node_modules', 'dist'])
      symlinkSync(path.join(projectFolder, name), path.join(folder.path, name));
    environment = {
      ...serverEnvironment(data),
      PATH: `${folder.path}:${process.env['PATH'] ?? ''}`,
      OPENAI_BASE_URL: model.baseUrl,
    };
  });
  after(async () => {
    await model.close();
    endPtyHostsOf(data);
    await waitFor('the pty host to end', () => ptyHostsOf(data).length === 0);
    folder.remove();
  });

  async function run({ language, text }: Example, changed: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const [command, args] = language === 'python' ? ['python3', ['-']] : ['bash', ['-euo', 'pipefail', '-s']];
    const child = spawn(command, args, {
      env: { ...environment, ...changed },
      cwd: folder.path,
      timeout: 20_000,
    });
    child.stdin.end(text);
    const [out, err] = await Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, err };
  }

  function example(beginning: string): Example {
    const found = examples.find(({ text }) => text.includes(beginning));
    assert.ok(found, beginning);
    return found;
  }

  it('have as many examples as are tried here', () => {
    assert.equal(examples.length, expected.length);
  });

  it('lead from nothing to the first answer', async () => {
    assert.ok(start);
    const { code, out, err } = await run({ ...start, text: `${start.text}\nenv -0 > environment\n` });
    assert.equal(code, 0, err);
    assert.match(out, /^\{"status":"ready"/);
    const lines = readFileSync(path.join(folder.path, 'environment'), 'utf8').split('\0').filter(Boolean);
    environment = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
    assert.match(environment['WEB_SOCKET_URL'] ?? '', /^ws:/);
  });

  for (const [index, one] of examples.entries()) {
    it(`have an example that works: ${one.text.split('\n', 1)[0] ?? ''}`, async () => {
      const { code, out, err } = await run(one);
      assert.equal(code, 0, `${err}${out}`);
      assert.match(out, expected[index] ?? /never/);
    });
  }

  it('show why a call was refused, in the shell and in Python', async () => {
    const made = await run({ language: 'sh', text: 'ai-dev-assistant tokens create --name guest > guest' });
    assert.equal(made.code, 0, made.err);
    const guest = { TOKEN_FILE: path.join(folder.path, 'guest') };
    assert.match((await run(example('session/new'), guest)).out, /^\{"error":"Forbidden"[^\n]*session\/new/);
    assert.match((await run(example('urllib'), guest)).err, /^terminal\/run: .+\n$/);
  });

  it('say how a server is ended', async () => {
    assert.ok(stop);
    const { code, err } = await run(stop);
    assert.equal(code, 0, err);
    await waitFor('it to end', async () => (await run({ language: 'sh', text: 'curl -s "$URL/health"' })).code === 7);
  });
});
