import * as assert from 'node:assert/strict';
import { OutputLines } from '../../../extension/src/server/outputLines.ts';
import { cleanEnvironment, writeServerLine } from '../../../extension/src/server/serverProcess.ts';
import { FakeClock } from './fakeClock.ts';
import { memoryLog } from './scriptedServer.ts';

describe('What a server writes', () => {
  let clock: FakeClock;
  let lines: string[];
  let output: OutputLines;

  beforeEach(() => {
    clock = new FakeClock();
    lines = [];
    output = new OutputLines(clock, (line) => lines.push(line));
  });

  it('becomes lines wherever it is cut, the last also without a newline', () => {
    const bytes = Buffer.from('eins\r\nzwölf\n\ndrei');
    for (const byte of bytes) output.push(Buffer.of(byte));
    output.end();
    assert.deepEqual(lines, ['eins', 'zwölf', 'drei']);
  });

  it('is cut at 4,096 characters a line', () => {
    output.push(Buffer.alloc(10_000_000, 'x'));
    output.push(Buffer.from('y\nnext\n'));
    assert.deepEqual(
      lines.map((line) => line.length),
      [4_097, 4],
    );
  });

  it('is left out above 200 lines a second, and how much is said', async () => {
    output.push(Buffer.from('line\n'.repeat(1_000)));
    assert.equal(lines.length, 200);
    await clock.advance(1_000);
    output.push(Buffer.from('again\n'));
    assert.deepEqual(lines.slice(200), ['(800 lines left out: more than 200 in a second)', 'again']);
  });
});

describe("A line of the server's log", () => {
  it('keeps its level, and is a warning where it has none', () => {
    const log = memoryLog();
    writeServerLine(log, '2026-01-02T03:04:05.678Z info Ready pid=1');
    writeServerLine(log, '2026-01-02T03:04:05.678Z error Broken');
    writeServerLine(log, '(node:1) Warning: something');
    assert.deepEqual(log.lines, [
      'info: [server] Ready pid=1',
      'error: [server] Broken',
      'warn: [server] (node:1) Warning: something',
    ]);
  });
});

describe("The server's environment", () => {
  it("holds nothing of VS Code's own", () => {
    const environment = cleanEnvironment({
      PATH: '/bin',
      VSCODE_IPC_HOOK_CLI: '/run/x',
      vscode_pid: '1',
      ELECTRON_RUN_AS_NODE: '1',
      HTTPS_PROXY: 'http://proxy',
    });
    assert.deepEqual(environment, { PATH: '/bin', HTTPS_PROXY: 'http://proxy' });
  });
});
