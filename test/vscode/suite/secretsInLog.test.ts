import * as assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { systemClock } from '../../../extension/src/base/clock.ts';
import { createEditorHandlers } from '../../../extension/src/editor/editorHandlers.ts';
import { Secrets } from '../../../extension/src/secrets.ts';
import type * as LanguageClientBundle from '../../../extension/src/server/languageClient.ts';
import { ServerClient } from '../../../extension/src/server/serverClient.ts';
import { createServerLauncher } from '../../../extension/src/server/serverLauncher.ts';
import { ServerSupervisor } from '../../../extension/src/server/serverSupervisor.ts';
import { contractVersion } from '../../../server/protocol/version.ts';
import { findProjectFolder } from '../findProjectFolder.ts';
import { until } from '../supervision.ts';

const key = 'sk-a-key-that-no-log-may-hold';

/** A log at the level Trace that keeps what it is given, since VS Code has no way to set a channel's level by code. */
function recordingLog(lines: string[]): vscode.LogOutputChannel {
  const nothing = (): void => undefined;
  const write = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));
  return {
    name: 'Secrets',
    logLevel: vscode.LogLevel.Trace,
    onDidChangeLogLevel: new vscode.EventEmitter<vscode.LogLevel>().event,
    ...{ trace: write, debug: write, info: write, warn: write, error: write },
    ...{ append: write, appendLine: write, replace: write, clear: nothing },
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the interface has both overloads under this name
    show: nothing,
    ...{ hide: nothing, dispose: nothing },
  };
}

describe('A key that the server asks for', () => {
  const lines: string[] = [];
  const asked: string[] = [];
  let settingsFile: vscode.Uri;
  let supervisor: ServerSupervisor;
  let client: ServerClient;

  before(async () => {
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(folder, 'no folder is open');
    settingsFile = vscode.Uri.joinPath(folder.uri, '.vscode', 'settings.json');
    // As a person would write it who looks for a fault: VS Code's API refuses settings that no manifest declares.
    await vscode.workspace.fs.writeFile(settingsFile, Buffer.from('{ "aiDevAssistant.trace.server": "verbose" }'));
    await until(
      'the setting counts',
      () => vscode.workspace.getConfiguration('aiDevAssistant').get('trace.server') === 'verbose',
    );
    const root = findProjectFolder(__dirname);
    const clientBundle = path.join(root, 'dist', 'languageClient.js');
    const log = recordingLog(lines);
    const storage = {
      get: (name: string) => {
        asked.push(name);
        return Promise.resolve(key);
      },
    };
    const launch = createServerLauncher({
      modulePath: path.join(root, 'dist', 'server.js'),
      args: ['lsp', '--node-ipc'],
      log,
      loadClient: () => createRequire(clientBundle)(clientBundle) as typeof LanguageClientBundle,
      handlers: createEditorHandlers(new Secrets(storage as never), {
        chunk: () => undefined,
        ended: () => undefined,
      }),
      describeClient: (restarts) => ({
        contractVersion,
        correlationId: 'startup-secrets',
        workspace: { folders: [], trusted: true },
        // Nobody listens there: the key must not leave this machine.
        settings: { 'providers.openai.baseUrl': 'http://127.0.0.1:9/v1' },
        restarts,
      }),
    });
    supervisor = new ServerSupervisor({ launch, clock: systemClock, log, random: Math.random });
    client = new ServerClient(supervisor, systemClock, log);
    supervisor.start();
  });

  after(async () => {
    await supervisor.stop();
    client.dispose();
    supervisor.dispose();
    await vscode.workspace.fs.delete(vscode.Uri.joinPath(settingsFile, '..'), { recursive: true });
    assert.equal(supervisor.listenerCount, 0, 'a listener is left');
  });

  it('is in no line of the log, even at the level Trace and with the trace of messages set to verbose', async () => {
    await client.request('model/status', {});
    await until('the key was asked for', () => asked.length > 0);
    await client.request('server/health', {});
    assert.ok(lines.length > 0, 'the log was not used at all');
    assert.deepEqual(
      lines.filter((line) => line.includes(key)),
      [],
    );
    assert.ok(!lines.some((line) => line.includes('Params:')), 'the library writes its trace');
  });
});
