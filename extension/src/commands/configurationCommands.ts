import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { Secrets } from '../secrets.ts';
import { settingsPrefix } from '../settings.ts';
import type { CommandEntry, CommandServices } from './commandEntry.ts';

interface KeyEntry extends vscode.QuickPickItem {
  /** The name by which the server asks for the key. */
  readonly secret: string;
}

/** Commands that set up models. */
export const configurationCommands = {
  selectModel: { withoutServer: 'waits', run: selectModel },
  setApiKey: {
    withoutServer: 'works',
    run: async ({ secrets }) => {
      const provider = await vscode.window.showQuickPick(keyEntries(), {
        title: vscode.l10n.t('Set the API key of which provider?'),
      });
      if (!provider) return;
      const key = await vscode.window.showInputBox({
        title: vscode.l10n.t('API key of {0}', provider.label),
        prompt: vscode.l10n.t("Kept in VS Code's secret storage; the server gets it in memory only."),
        password: true,
        ignoreFocusOut: true,
        validateInput: checkKey,
      });
      if (key === undefined) return;
      await secrets.set(provider.secret, key.trim());
      void vscode.window.showInformationMessage(vscode.l10n.t('The API key of {0} is set.', provider.label));
    },
  },
  clearApiKey: {
    withoutServer: 'works',
    run: async ({ secrets }) => {
      const present = await presentKeys(secrets);
      if (present.length === 0) {
        void vscode.window.showInformationMessage(vscode.l10n.t('No API key is set.'));
        return;
      }
      const provider = await vscode.window.showQuickPick(present, {
        title: vscode.l10n.t('Forget the API key of which provider?'),
      });
      if (!provider) return;
      await secrets.delete(provider.secret);
      void vscode.window.showInformationMessage(vscode.l10n.t('The API key of {0} is forgotten.', provider.label));
    },
  },
} as const satisfies Record<string, CommandEntry>;

function keyEntries(): KeyEntry[] {
  return [
    { label: 'OpenAI', description: 'openai/…', secret: 'providers.openai.apiKey' },
    {
      label: vscode.l10n.t('OpenAI-compatible endpoint'),
      description: 'openai-compatible/…',
      secret: 'providers.openaiCompatible.apiKey',
    },
  ];
}

async function presentKeys(secrets: Secrets): Promise<KeyEntry[]> {
  const entries = keyEntries();
  const values = await Promise.all(entries.map(({ secret }) => secrets.get(secret)));
  return entries.filter((_, index) => values[index] !== null);
}

function checkKey(value: string): string | undefined {
  const key = value.trim();
  if (key === '') return vscode.l10n.t('Paste the key that the provider gave you.');
  return /\s/.test(key) ? vscode.l10n.t('A key contains no blanks.') : undefined;
}

type ModelEntry = vscode.QuickPickItem & { readonly id?: string };

async function selectModel(services: CommandServices): Promise<void> {
  const entries: Thenable<ModelEntry[]> = services.client
    .request('model/list', { refresh: true })
    .then(({ models, defaultModel }) => modelEntries(models, defaultModel));
  const title = vscode.l10n.t('Model for new conversations');
  const picked = await vscode.window.showQuickPick(entries, { title, matchOnDescription: true });
  if (picked?.id !== undefined) {
    const configuration = vscode.workspace.getConfiguration(settingsPrefix);
    await configuration.update('model.default', picked.id, vscode.ConfigurationTarget.Global);
  } else if (picked) {
    await connectModel(services);
  }
}

/** Grouped by provider; last, a way to connect one more. */
function modelEntries(models: ResultOf<'model/list'>['models'], defaultModel: string | null): ModelEntry[] {
  const groups = Map.groupBy(models, ({ provider }) => provider);
  const entries = [...groups].flatMap(([provider, group]): ModelEntry[] => [
    { label: provider, kind: vscode.QuickPickItemKind.Separator },
    ...group.map(({ id, name }) => ({
      id,
      label: name,
      description: id === defaultModel ? vscode.l10n.t('{0}, in use', id) : id,
    })),
  ]);
  const separator = { label: '', kind: vscode.QuickPickItemKind.Separator };
  return [...entries, separator, { label: `$(plug) ${vscode.l10n.t('Connect a provider')}` }];
}

/** Offers each provider with what the server says is missing, and leads to where that is set. */
async function connectModel({ client }: CommandServices): Promise<void> {
  const { providers } = await client.request('model/status', { refresh: false });
  const entries = providers.map(({ id, name, status, message }) => ({
    label: name,
    detail: message ?? vscode.l10n.t('Can be used.'),
    id,
    needsKey: status === 'needsKey' || status === 'rejected',
  }));
  const picked = await vscode.window.showQuickPick(entries, { title: vscode.l10n.t('Connect which provider?') });
  if (!picked) return;
  if (picked.needsKey) await vscode.commands.executeCommand(`${settingsPrefix}.setApiKey`);
  else await vscode.commands.executeCommand('workbench.action.openSettings', `${settingsPrefix}.providers`);
}
