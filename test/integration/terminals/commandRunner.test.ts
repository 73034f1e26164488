import assert from 'node:assert/strict';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import * as path from 'node:path';
import { conversationId } from '../../../server/protocol/sessionEvents.ts';
import { readSettings } from '../../../server/protocol/settings.ts';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { CommandOutputFiles } from '../../../server/src/terminals/commands/commandOutputFiles.ts';
import { CommandRunner, type CommandRequest } from '../../../server/src/terminals/commands/commandRunner.ts';
import { PtyHostLauncher } from '../../../server/src/terminals/hostClient/ptyHostLauncher.ts';
import { TerminalService, type TerminalServiceOptions } from '../../../server/src/terminals/terminalService.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { shellParts } from '../../support/shellParts.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const project = path.resolve(import.meta.dirname, '../../..');

describe('A command of an agent', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const work = path.join(realpathSync(folder.path), 'work');
  const { logger } = recordingLogger();
  const settings = readSettings({}).settings;
  const hostOptions = {
    bundleFile: path.join(project, 'dist', 'ptyHost.js'),
    nodePtyFolder: path.join(project, 'node_modules', 'node-pty'),
    dataFolder: folder.path,
    keepAliveHours: 1,
    log: logger,
  };
  const host = new PtyHostLauncher(hostOptions);
  const parts = shellParts({ dataFolder: folder.path, environment: process.env, logger });
  const serviceOptions: TerminalServiceOptions = {
    host,
    settings: { get: (key) => settings[key] },
    workspace: { folders: [] },
    ...parts,
    environment: process.env,
    clock: systemClock,
    logger,
  };
  const terminals = new TerminalService(serviceOptions);
  const files = new CommandOutputFiles({
    folder: path.join(folder.path, 'commands', 'output'),
    clock: systemClock,
    logger,
  });
  const runner = new CommandRunner({
    terminals,
    files,
    folder: path.join(folder.path, 'commands', 'state'),
    environment: process.env,
    clock: systemClock,
    logger,
  });
  const conversation = conversationId.parse('conversation-1');

  function run(commandLine: string, more: Partial<CommandRequest> = {}) {
    return runner.run({
      conversationId: conversation,
      toolCallId: 'call-1',
      commandLine,
      cwd: work,
      timeoutMs: 30_000,
      maxOutputChars: 10_000,
      signal: new AbortController().signal,
      onStarted: () => undefined,
      ...more,
    });
  }

  before(() => mkdirSync(path.join(work, 'inner'), { recursive: true }));
  after(async () => {
    await runner.dispose();
    assert.deepEqual(await terminals.list(), [], 'no terminal is left behind');
    terminals.dispose();
    parts.dispose();
    host.dispose();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  it('gives output and exit code', async () => {
    const result = await run('echo out; echo err >&2; exit 7');
    assert.equal(result.exit?.exitCode, 7);
    assert.equal(result.output, 'out\nerr\n');
    assert.equal(result.omittedBytes, 0);
  });

  it('ends with its process, whatever it prints that looks like a prompt or an end', async () => {
    const result = await run(String.raw`printf '\033]633;D;0\007$ '; sleep 0.3; echo real end; exit 2`);
    assert.equal(result.exit?.exitCode, 2);
    assert.match(result.output, /real end/);
  });

  it('carries the folder and the exported variables on to the next command, and nothing else', async () => {
    const first = await run("cd inner; export CARRIED='it'\\''s here'; LOCAL=lost; (exit 4)");
    assert.equal(first.exit?.exitCode, 4);
    assert.equal(first.cwdAfter, path.join(work, 'inner'));
    const second = await run('echo "$CARRIED|$LOCAL|$1|$-"', { cwd: first.cwdAfter });
    assert.match(second.output, /^it's here\|\|\|[a-zA-Z]*\n$/);
  });

  it('carries nothing over from a command in the background that ends after newer ones', async () => {
    const late = await run('export WHEN=old; until [ -e go ]; do sleep 0.05; done', {
      background: true,
      cwd: work,
    });
    assert.equal(late.cause, 'background');
    const newer = await run('export WHEN=new; cd inner');
    assert.equal(newer.cwdAfter, path.join(work, 'inner'));
    await run('touch ../go', { cwd: newer.cwdAfter });
    const old = runner.find(late.terminalId);
    await old?.ended;
    const last = await run('echo "[$WHEN]"', { cwd: newer.cwdAfter });
    assert.equal(last.output, '[new]\n');
    assert.equal(last.cwdAfter, path.join(work, 'inner'));
  });

  it('carries over what began last where two run beside each other', async () => {
    let started = false;
    const first = run('export WHO=first; until [ -e second ]; do sleep 0.05; done', {
      onStarted: () => (started = true),
    });
    await waitFor('the first to start', () => started);
    await run('export WHO=second; touch second');
    await first;
    assert.equal((await run('echo "[$WHO]"')).output, '[second]\n');
  });

  it('keeps conversations apart', async () => {
    await run('export ONLY_HERE=1');
    const other = await run('echo "[$ONLY_HERE]"', { conversationId: conversationId.parse('conversation-2') });
    assert.equal(other.output, '[]\n');
  });

  it('runs in a real terminal that a person can type into', async () => {
    let terminal: TerminalId | undefined;
    const running = run('test -t 0 && test -t 1 && read -r answer && echo "got $answer"', {
      onStarted: (id) => (terminal = id),
    });
    const id = await waitFor('the terminal', () => terminal);
    const info = await terminals.get(id);
    assert.equal(info.owner.kind, 'agent');
    await terminals.write(id, 'typed by hand\r');
    const result = await running;
    assert.equal(result.exit?.exitCode, 0);
    assert.match(result.output, /got typed by hand/);
  });

  it('knows that a person typed into it by way of another server, and how much, but not what', async () => {
    const otherHost = new PtyHostLauncher(hostOptions);
    const other = new TerminalService({ ...serviceOptions, host: otherHost });
    try {
      let terminal: TerminalId | undefined;
      const running = run('stty -echo; echo ready; read -r answer; echo "got ${#answer}"', {
        onStarted: (id) => (terminal = id),
      });
      const id = await waitFor('the terminal', () => terminal);
      await waitFor('the prompt', () => runner.find(id)?.state.output.includes('ready'));
      await other.write(id, 'from elsewhere\r');
      const result = await running;
      assert.match(result.output, /got 14/);
      assert.deepEqual(result.typed, ['(14 characters in another window, not shown)']);
    } finally {
      other.dispose();
      otherHost.dispose();
    }
  });

  it('leaves out the middle of a long output', async () => {
    const result = await run('seq 1 100000', { maxOutputChars: 1_000 });
    assert.ok(result.omittedBytes > 500_000);
    assert.ok(result.output.length < 1_200);
    assert.match(result.output, /^1\n2\n/);
    assert.match(result.output, /100000\n$/);
  });

  it('stops on cancel, with its children', async () => {
    const cancel = new AbortController();
    const running = run('sleep 300 | cat', { signal: cancel.signal, onStarted: () => cancel.abort() });
    const result = await running;
    assert.notEqual(result.exit?.exitCode, 0);
    assert.equal(result.timedOut, false);
  });

  it('stops a command that ignores SIGINT and SIGTERM', async () => {
    const cancel = new AbortController();
    const running = run("trap '' INT TERM; touch deaf; while :; do sleep 1; done", { signal: cancel.signal });
    await waitFor('the command to be deaf', () => existsSync(path.join(work, 'deaf')));
    cancel.abort();
    assert.equal((await running).exit?.exitCode, null);
  });

  it('stops when its time is over, and says so', async () => {
    const result = await run('echo begun; sleep 300', { timeoutMs: 500 });
    assert.equal(result.timedOut, true);
    assert.match(result.output, /begun/);
  });

  it('goes on to its end when the connection to the pty host breaks under it', async () => {
    let started = false;
    const running = run('echo before; sleep 1; echo after; exit 5', { onStarted: () => (started = true) });
    await waitFor('the command', () => started);
    (await terminals.host()).dispose();
    const result = await running;
    assert.equal(result.exit?.exitCode, 5);
    assert.equal(result.output, 'before\nafter\n');
  });

  it('starts where it is told, and knows it: PWD and the folder agree', async () => {
    await run('cd inner');
    const result = await run('echo "$PWD"; cd "$OLDPWD" 2>/dev/null; true', { cwd: work });
    assert.equal(result.output, `${work}\n`);
  });

  it('refuses a folder that is not there', async () => {
    await assert.rejects(run('true', { cwd: '/no/such' }), { reason: 'InvalidCwd' });
  });
});
