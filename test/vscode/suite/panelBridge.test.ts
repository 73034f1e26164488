import * as assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { systemClock } from '../../../extension/src/base/clock.ts';
import { createEditorHandlers } from '../../../extension/src/editor/editorHandlers.ts';
import { PanelBridge } from '../../../extension/src/panels/panelBridge.ts';
import { Secrets } from '../../../extension/src/secrets.ts';
import type * as LanguageClientBundle from '../../../extension/src/server/languageClient.ts';
import { ServerClient } from '../../../extension/src/server/serverClient.ts';
import { createServerLauncher } from '../../../extension/src/server/serverLauncher.ts';
import { ServerSupervisor } from '../../../extension/src/server/serverSupervisor.ts';
import { TerminalHub } from '../../../extension/src/terminals/terminalHub.ts';
import type { HostToView } from '../../../server/protocol/panelBridge.ts';
import { contractVersion } from '../../../server/protocol/version.ts';
import { findProjectFolder } from '../findProjectFolder.ts';
import { until } from '../supervision.ts';

/** A page that sends what the test wants, and sends back whatever it gets. */
const page = `<!DOCTYPE html><html><body><script>
const vscode = acquireVsCodeApi();
addEventListener('message', ({ data }) => {
  if (data.kind === 'test') for (const message of data.messages) vscode.postMessage(message);
  else vscode.postMessage({ kind: 'echo', data: data.params && data.params.data instanceof ArrayBuffer
    ? { ...data, params: { ...data.params, data: new TextDecoder().decode(data.params.data), isBuffer: true } } : { ...data, dataType: data.params && Object.prototype.toString.call(data.params.data) } });
});
vscode.postMessage({ kind: 'loaded' });
</script></body></html>`;

describe('A webview in a real window', () => {
  let log: vscode.LogOutputChannel;
  let supervisor: ServerSupervisor;
  let client: ServerClient;
  let hub: TerminalHub;
  let bridge: PanelBridge;
  let panel: vscode.WebviewPanel;
  const got: HostToView[] = [];
  let isLoaded = false;

  const send = (...messages: unknown[]): Thenable<boolean> => panel.webview.postMessage({ kind: 'test', messages });
  const responseTo = async (id: number): Promise<{ result?: unknown; error?: { reason: string; message: string } }> => {
    const find = () => got.find((message) => message.kind === 'response' && message.id === id);
    await until(`request ${id} is answered`, () => find() !== undefined);
    return find() as never;
  };

  before(async () => {
    log = vscode.window.createOutputChannel('Panel bridge', { log: true });
    const root = findProjectFolder(__dirname);
    const clientBundle = path.join(root, 'dist', 'languageClient.js');
    const launch = createServerLauncher({
      modulePath: path.join(root, 'dist', 'server.js'),
      args: ['lsp', '--node-ipc'],
      log,
      // The bundle as it is shipped, so that errors cross from one bundle to the other.
      loadClient: () => createRequire(clientBundle)(clientBundle) as typeof LanguageClientBundle,
      handlers: createEditorHandlers(new Secrets({ get: () => Promise.resolve(undefined) } as never), {
        chunk: () => undefined,
        ended: () => undefined,
      }),
      describeClient: (restarts) => ({
        contractVersion,
        correlationId: 'startup-panel',
        workspace: { folders: [], trusted: true },
        settings: {},
        restarts,
      }),
    });
    supervisor = new ServerSupervisor({ launch, clock: systemClock, log, random: Math.random });
    client = new ServerClient(supervisor, systemClock, log);
    hub = new TerminalHub(client, systemClock, log);
    supervisor.start();
    panel = vscode.window.createWebviewPanel('test', 'Test', vscode.ViewColumn.One, {
      enableScripts: true,
      retainContextWhenHidden: true,
    });
    panel.webview.onDidReceiveMessage((message: { kind: string; data: HostToView }) => {
      if (message.kind === 'loaded') isLoaded = true;
      if (message.kind === 'echo') got.push(message.data);
    });
    bridge = new PanelBridge(panel.webview, {
      extensionUri: vscode.Uri.file(root),
      client,
      supervisor,
      hub,
      log,
    });
    bridge.wish({ kind: 'do', what: 'focusInput' });
    panel.webview.html = page;
    await until('the page is loaded', () => isLoaded);
  });

  after(async () => {
    bridge.dispose();
    panel.dispose();
    await until('nothing is watched any more', () => hub.size === 0);
    await supervisor.stop();
    hub.dispose();
    client.dispose();
    supervisor.dispose();
    log.dispose();
    assert.equal(supervisor.listenerCount, 0, 'a listener is left');
  });

  it('is told nothing before it says that it listens, and then the context and what waits for it', async () => {
    assert.equal(got.length, 0);
    await send({ kind: 'ready' });
    await until('the wish has arrived', () => got.some((message) => message.kind === 'do'));
    assert.equal(got[0]?.kind, 'context');
    await until('the context says that the server is ready', () =>
      got.some((message) => message.kind === 'context' && message.serverState === 'ready'),
    );
  });

  it('gets answers of the server', async () => {
    await send({ kind: 'request', id: 1, method: 'server/health', params: {} });
    assert.equal(((await responseTo(1)).result as { status: string }).status, 'ready');
  });

  it('gets errors with a reason and a sentence, and no stack', async () => {
    await send({ kind: 'request', id: 2, method: 'terminal/create', params: { shell: '/bin/no-such-shell' } });
    const { error } = await responseTo(2);
    assert.equal(error?.reason, 'InvalidShell');
    assert.match(error.message, /no-such-shell/);
    assert.doesNotMatch(error.message, /\n/);
  });

  it('that sends strange things is refused, and goes on working', async () => {
    await send(
      { kind: 'launch', what: 'rockets' },
      'text',
      null,
      { kind: 'request', id: 3, method: 'server/info', params: {} },
      { kind: 'request', id: 4, method: 'terminal/list', params: { extra: 1 } },
      { kind: 'action', action: { action: 'runCommand', command: 'killAllTerminals' } },
      { kind: 'request', id: 5, method: 'terminal/list', params: {} },
    );
    assert.equal((await responseTo(3)).error?.reason, 'Forbidden');
    assert.equal((await responseTo(4)).error?.reason, 'InvalidParams');
    assert.ok((await responseTo(5)).result);
  });

  it('whose page is dropped while it is hidden gets what was wished meanwhile with its next page', async () => {
    const second = vscode.window.createWebviewPanel('test', 'Dropped', vscode.ViewColumn.One, { enableScripts: true });
    const wishes: string[] = [];
    let pages = 0;
    second.webview.onDidReceiveMessage((message: { kind: string; data: HostToView }) => {
      if (message.kind === 'loaded') {
        pages += 1;
        void second.webview.postMessage({ kind: 'test', messages: [{ kind: 'ready' }] });
      }
      if (message.kind === 'echo' && message.data.kind === 'do') wishes.push(`${pages}: ${message.data.what}`);
    });
    const services = { extensionUri: vscode.Uri.file(findProjectFolder(__dirname)), client, supervisor, hub, log };
    const secondBridge = new PanelBridge(second.webview, services);
    try {
      second.webview.html = page;
      secondBridge.wish({ kind: 'do', what: 'focusInput' });
      await until('the first page has its wish', () => wishes.length === 1);
      panel.reveal();
      await until('the page is hidden', () => !second.visible);
      // Nobody has told the bridge: that the message cannot be delivered is all it knows.
      secondBridge.wish({ kind: 'do', what: 'newSession' });
      second.reveal();
      await until('the second page has its wish', () => wishes.length === 2);
      panel.reveal();
      await until('the page is hidden again', () => !second.visible);
      secondBridge.pageGone();
      secondBridge.wish({ kind: 'do', what: 'insertPrompt', text: 'Hello' });
      secondBridge.wish({ kind: 'do', what: 'cancelTurn' });
      second.reveal();
      await until('the third page has its wishes', () => wishes.length === 4);
      assert.deepEqual(wishes, ['1: focusInput', '2: newSession', '3: insertPrompt', '3: cancelTurn']);
    } finally {
      secondBridge.dispose();
      second.dispose();
    }
  });

  it('watches a terminal, whose output comes as bytes, and again after the server was killed', async () => {
    const { sessionId } = await client.request('terminal/create', { shell: '/bin/sh', env: { PS1: '' } });
    const text = (): string =>
      got
        .filter((message) => message.kind === 'notification' && message.method === 'terminal/output')
        .map((message) => {
          const { data, isBuffer } = (message as { params: { data: string; isBuffer: boolean } }).params;
          assert.equal(isBuffer, true, `output came as ${JSON.stringify(message)}`);
          return data;
        })
        .join('');
    await send({ kind: 'request', id: 6, method: 'terminal/attach', params: { sessionId, fromOffset: 0 } });
    await responseTo(6);
    await send({ kind: 'request', id: 7, method: 'terminal/write', params: { sessionId, data: 'echo a-$((1+1))\n' } });
    await until('the shell has answered', () => text().includes('a-2'));
    const { generation, pid } = supervisor.status;
    process.kill(pid!, 'SIGKILL');
    await until('the context tells of the new server', () =>
      got.some((message) => message.kind === 'context' && message.serverGeneration === generation + 1),
    );
    const fromOffset = Buffer.byteLength(text());
    await send({ kind: 'request', id: 8, method: 'terminal/attach', params: { sessionId, fromOffset } });
    await responseTo(8);
    await send({ kind: 'request', id: 9, method: 'terminal/write', params: { sessionId, data: 'echo b-$((2+2))\n' } });
    await until('the same shell goes on', () => text().includes('b-4'));
    assert.equal(text().split('a-2').length, 2, 'output was repeated');
    await client.request('terminal/close', { sessionId });
  });
});
