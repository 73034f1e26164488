import * as assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { systemClock } from '../../../extension/src/base/clock.ts';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import { AssistantTerminal, type TerminalOrigin } from '../../../extension/src/terminals/assistantTerminal.ts';
import { TerminalHub } from '../../../extension/src/terminals/terminalHub.ts';
import { PopupCounter, until } from '../supervision.ts';

/** A VS Code terminal's pseudoterminal, driven as VS Code drives it, on the real server and real shells. */
class Shown {
  readonly terminal: AssistantTerminal;
  text = '';
  closed = 0;
  closedWith: unknown;

  constructor(terminal: AssistantTerminal) {
    this.terminal = terminal;
    terminal.onDidWrite((text) => (this.text += text));
    terminal.onDidClose((code) => {
      this.closed += 1;
      this.closedWith = code;
    });
  }
}

describe('A VS Code terminal on a shell of the pty host', () => {
  let api: AssistantApi;
  let log: vscode.LogOutputChannel;
  let hub: TerminalHub;
  let folder: string;
  let shown: Shown[];
  let popups: PopupCounter;

  before(async () => {
    const extension = vscode.extensions.getExtension<AssistantApi>('ai-dev-assistant.ai-dev-assistant');
    api = await extension!.activate();
    log = vscode.window.createOutputChannel('Terminals', { log: true });
    await api.request('server/health', {});
  });

  beforeEach(() => {
    // The window's own connection; the API keeps what is attached across restarts by itself.
    const server = {
      request: (method: never, params: never) => api.request(method, params),
      onNotification: (method: never, listener: never) => api.onNotification(method, listener),
      notify: () => undefined,
      onNewServer: () => ({ dispose: () => undefined }),
    };
    hub = new TerminalHub(server, systemClock, log);
    folder = mkdtempSync(path.join(tmpdir(), 'ada-terminal-'));
    shown = [];
    popups = new PopupCounter();
  });

  afterEach(async () => {
    for (const { terminal } of shown) {
      const { sessionId } = terminal;
      terminal.close();
      if (sessionId) await api.request('terminal/close', { sessionId }).catch(ignoreNotFound);
    }
    await until('nothing is watched any more', () => hub.size === 0);
    hub.dispose();
    popups.dispose();
    rmSync(folder, { recursive: true });
  });

  after(() => log.dispose());

  function open(params: Extract<TerminalOrigin, { kind: 'create' }>['params']): Shown {
    return show({ kind: 'create', params: { cwd: folder, env: { PS1: 'prompt> ' }, ...params } });
  }

  function show(origin: TerminalOrigin): Shown {
    const terminal = new AssistantTerminal({ client: api, hub, clock: systemClock, log }, origin);
    const view = new Shown(terminal);
    shown.push(view);
    terminal.open({ columns: 90, rows: 20 });
    return view;
  }

  async function infoOf({ terminal }: Shown): Promise<TerminalInfo> {
    const { terminals } = await api.request('terminal/list', {});
    return terminals.find(({ sessionId }) => sessionId === terminal.sessionId)!;
  }

  it('shows what the shell writes and sends what is typed, also what was typed before it was there', async () => {
    const view = open({ shell: '/bin/sh' });
    view.terminal.handleInput('echo early-$((1+1))\r');
    await until('the early line is answered', () => view.text.includes('early-2'));
    view.terminal.handleInput('echo grüße-$((2+2)) 😀\r');
    await until('the line is answered', () => view.text.includes('grüße-4 😀'));
  });

  it('has the size of its tab, also where that changes while the shell is being started', async () => {
    const view = open({ shell: '/bin/sh' });
    view.terminal.setDimensions({ columns: 101, rows: 33 });
    view.terminal.setDimensions({ columns: 77, rows: 22 });
    await until('the prompt is there', () => view.text.includes('prompt>'));
    const sizeNow = async (): Promise<string> => {
      const { cols, rows } = await infoOf(view);
      return `${cols}x${rows}`;
    };
    await until('the size has arrived', async () => (await sizeNow()) === '77x22');
    view.terminal.handleInput('stty size\r');
    await until('the shell knows the size', () => view.text.includes('22 77'));
  });

  it('closes after success, without a code that VS Code would report', async () => {
    const view = open({ shell: '/bin/sh' });
    view.terminal.handleInput('exit 0\r');
    await until('the tab is asked to close', () => view.closed === 1);
    assert.equal(view.closedWith, undefined);
  });

  it('stays after a failure with a line that says how it ended, until a key is pressed', async () => {
    const view = open({ shell: '/bin/sh' });
    view.terminal.handleInput('echo last words; exit 3\r');
    await until('the end is told', () => view.text.includes('exited with code 3'));
    assert.ok(view.text.indexOf('last words') < view.text.indexOf('exited with code 3'));
    assert.equal(view.closed, 0);
    view.terminal.handleInput('x');
    assert.equal(view.closed, 1);
  });

  it('takes a paste of a megabyte in one call', async () => {
    const target = path.join(folder, 'pasted');
    const line = `${'x'.repeat(99)}\n`;
    const view = open({
      shell: '/bin/sh',
      args: ['-c', 'stty -echo -icanon; echo go; head -c 1000000 > pasted; echo done'],
    });
    await until('the program reads', () => view.text.includes('go'));
    view.terminal.handleInput(line.repeat(10_000));
    await until('all of it has arrived', () => view.text.includes('done'));
    assert.equal(existsSync(target), true);
    assert.equal(readFileSync(target, 'utf8'), line.repeat(10_000));
  });

  it('shows a flood whole and in order', async () => {
    writeFileSync(
      path.join(folder, 'flood.sh'),
      'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo "line $i of the flood"; done',
    );
    const view = open({ shell: '/bin/sh', args: ['flood.sh'] });
    await until('the flood is over', () => view.closed === 1);
    const numbers = [...view.text.matchAll(/line (\d+) of the flood/g)].map(([, number]) => Number(number));
    assert.equal(numbers.length, 60_000);
    assert.ok(numbers.every((number, index) => number === index + 1));
  });

  it('is shown twice with the same bytes, and lets go without ending the shell', async () => {
    const first = open({ shell: '/bin/sh' });
    first.terminal.handleInput('echo one-$((0+1))\r');
    await until('the first shows it', () => first.text.includes('one-1'));
    const second = show({ kind: 'attach', terminal: await infoOf(first) });
    await until('the second shows what was before', () => second.text.includes('one-1'));
    first.terminal.close();
    second.terminal.handleInput('echo two-$((1+1))\r');
    await until('the shell goes on', () => second.text.includes('two-2'));
  });

  it('stays with what was written when it is opened after its end, also after success', async () => {
    const { sessionId } = await api.request('terminal/create', {
      shell: '/bin/sh',
      args: ['-c', 'echo last-$((1+1))'],
    });
    const info = async () =>
      (await api.request('terminal/list', {})).terminals.find((one) => one.sessionId === sessionId)!;
    await until('the program has ended', async () => (await info()).status === 'exited');
    const view = show({ kind: 'attach', terminal: await info() });
    await until('the end is told', () => view.text.includes('exited with code 0'));
    assert.match(view.text, /last-2/);
    assert.equal(view.closed, 0);
    view.terminal.handleInput('x');
    assert.equal(view.closed, 1);
  });

  it('tells a tab that could not show its terminal from one whose program has ended', async () => {
    const first = open({ shell: '/bin/sh' });
    await until('the prompt is there', () => first.text.includes('prompt>'));
    const sessionId = '0'.repeat(32) as TerminalInfo['sessionId'];
    const unknown = show({ kind: 'attach', terminal: { ...(await infoOf(first)), sessionId } });
    await until('the tab has closed', () => unknown.closed === 1);
    assert.equal(unknown.terminal.hasEnded, false);
    first.terminal.handleInput('exit\r');
    await until('the shell has ended', () => first.closed === 1);
    assert.equal(first.terminal.hasEnded, true);
  });

  it('takes over its name when it is renamed', async () => {
    const view = open({ shell: '/bin/sh' });
    const names: string[] = [];
    view.terminal.onDidChangeName((name) => names.push(name));
    await until('it has its first name', () => names.length === 1);
    const terminal = await infoOf(view);
    view.terminal.update(terminal);
    view.terminal.update({ ...terminal, name: 'deploy' });
    assert.deepEqual(names.slice(1), ['deploy']);
  });

  const refusals = [
    { what: 'a shell that does not exist', params: { shell: '/bin/no-such-shell' }, says: /no-such-shell/ },
    { what: 'a folder that is a file', params: { shell: '/bin/sh', cwd: '/etc/passwd' }, says: /passwd/ },
    { what: 'a variable with a bad name', params: { shell: '/bin/sh', env: { 'A=B': 'x' } }, says: /A=B/ },
  ];
  it('says in one message how many terminals the setting allows when there are so many', async () => {
    const settings = vscode.workspace.getConfiguration('aiDevAssistant');
    const first = open({ shell: '/bin/sh' });
    await until('the first is there', () => first.text.includes('prompt>'));
    await settings.update('terminals.max', 1, vscode.ConfigurationTarget.Global);
    try {
      const second = open({ shell: '/bin/sh' });
      await until('the second tab is asked to close', () => second.closed === 1);
      assert.deepEqual(popups.shown, ['Open terminals: 1. The setting allows 1: close one, or raise the setting.']);
    } finally {
      await settings.update('terminals.max', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  for (const { what, params, says } of refusals) {
    it(`says in one message what is wrong about ${what}, and closes`, async () => {
      const view = open(params);
      await until('the tab is asked to close', () => view.closed === 1);
      assert.equal(popups.shown.length, 1);
      assert.match(popups.shown[0]!, says);
      assert.doesNotMatch(popups.shown[0]!, /\n|Error:/);
    });
  }
});

function ignoreNotFound(error: unknown): void {
  if ((error as { reason?: string }).reason !== 'NotFound') throw error;
}
