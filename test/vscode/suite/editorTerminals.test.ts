import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { AssistantApi } from '../../../extension/src/api.ts';
import { until } from '../supervision.ts';

const { Global } = vscode.ConfigurationTarget;
const platform = { win32: 'windows', darwin: 'osx' }[process.platform as string] ?? 'linux';

describe('VS Code’s own terminal settings', function () {
  this.timeout(60_000);
  let api: AssistantApi;
  const configuration = () => vscode.workspace.getConfiguration('terminal.integrated');
  const change = async (key: string, value: unknown) => {
    await configuration().update(`${key}.${platform}`, value, Global);
  };

  before(async function () {
    if (process.platform === 'win32') this.skip();
    const extension = vscode.extensions.getExtension<AssistantApi>('ai-dev-assistant.ai-dev-assistant');
    assert.ok(extension);
    api = await extension.activate();
  });

  after(async () => {
    for (const key of ['profiles', 'defaultProfile', 'env']) await change(key, undefined);
  });

  it('make their profiles and default the shells of our terminals, with their variables', async () => {
    const path = ['/no/such/shell', '${env:ADA_NO_SUCH}/bin/sh'];
    const profile = { path, args: ['-i'], env: { ADA_PROFILE: '${userHome}' }, icon: 'beaker' };
    await change('profiles', { 'Ada Shell': profile, 'Ada Nonsense': { path: '${no:such}/sh' } });
    await change('env', { ADA_EVERYWHERE: 'yes', ADA_UNKNOWN: '${no:such}' });
    await change('defaultProfile', 'Ada Shell');
    const list = async () => (await api.request('terminal/shells', {})).shells;
    await until('the default is theirs', async () =>
      (await list()).some(({ isDefault, name }) => isDefault && name === 'Ada Shell'),
    );
    const shells = await list();
    const { name, source, args, icon } = shells.find(({ isDefault }) => isDefault) ?? assert.fail('no default');
    assert.deepEqual(
      { name, source, args, icon },
      { name: 'Ada Shell', source: 'profile', args: ['-i'], icon: 'beaker' },
    );
    assert.equal(shells.filter(({ name }) => name === 'Ada Nonsense').length, 0);

    const { sessionId } = await api.request('terminal/create', {
      args: ['-c', 'echo "$ADA_PROFILE,$ADA_EVERYWHERE,$ADA_UNKNOWN,"'],
    });
    const text: string[] = [];
    const decoder = new TextDecoder();
    const listening = api.onNotification('terminal/output', (output) => {
      const { data } = output;
      if (output.sessionId === sessionId) text.push(typeof data === 'string' ? data : decoder.decode(data));
    });
    try {
      // From its first byte: what has been printed already comes as output, not as a screen.
      await api.request('terminal/attach', { sessionId, fromOffset: 0 });
      await until('the output is there', () => text.join('').includes(',yes,,'));
      assert.doesNotMatch(text.join(''), /^,/);
    } finally {
      listening.dispose();
      await api.request('terminal/close', { sessionId });
    }
  });
});
