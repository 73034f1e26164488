import type { ProviderStatus } from '../../../../server/protocol/model.ts';
import type { IconName } from '../../components/glyphs.ts';
import { Icon } from '../../components/icon.tsx';
import { t, type StringKey } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

const statusTexts = {
  ready: 'setup.noModels',
  needsKey: 'setup.needsKey',
  needsEndpoint: 'setup.needsEndpoint',
  unreachable: 'setup.unreachable',
  rejected: 'setup.rejected',
} as const satisfies Record<ProviderStatus['status'], StringKey>;

const statusIcons = {
  ready: 'check',
  needsKey: 'key',
  needsEndpoint: 'globe',
  unreachable: 'circle-slash',
  rejected: 'error',
} as const satisfies Record<ProviderStatus['status'], IconName>;

/** Shown while no model can be reached: each provider, what it lacks, and the button that mends it. */
export function SetupCard() {
  const { state, models } = usePanel();
  const providers = state.catalog.value?.providers ?? [];
  return (
    <main class="setup" aria-label={t('setup.title')}>
      <h2>{t('setup.title')}</h2>
      <p>{t('setup.text')}</p>
      {providers.length === 0 && <p>{t('setup.noneFound')}</p>}
      <ul class="providers">
        {providers.map((provider) => (
          <Provider key={provider.id} provider={provider} />
        ))}
      </ul>
      <button
        type="button"
        class="button secondary"
        disabled={state.isCatalogLoading.value}
        onClick={() => void models.refresh(true)}
      >
        <Icon name={state.isCatalogLoading.value ? 'loading' : 'refresh'} spin={state.isCatalogLoading.value} />
        {state.isCatalogLoading.value ? t('model.loading') : t('setup.retry')}
      </button>
    </main>
  );
}

function Provider({ provider }: { readonly provider: ProviderStatus }) {
  const { bridge } = usePanel();
  const isLocal = provider.id === 'ollama';
  const setKey = (): void => bridge.act({ action: 'runCommand', command: 'setApiKey' });
  const setEndpoint = (): void => bridge.act({ action: 'openSetting', key: settingOf(provider.id) });
  const needsKey = provider.status === 'needsKey' || provider.status === 'rejected';
  return (
    <li class="provider">
      <Icon name={statusIcons[provider.status]} />
      <div class="providerText">
        <div class="providerName">
          <span>{provider.name}</span>
          <span class="providerStatus">{t(statusTexts[provider.status])}</span>
        </div>
        {provider.message !== undefined && <div class="providerMessage">{provider.message}</div>}
        <div class="buttonRow">
          {needsKey && !isLocal && (
            <button type="button" class="button" onClick={setKey}>
              {t('setup.setApiKey')}
            </button>
          )}
          <button type="button" class={needsKey ? 'button secondary' : 'button'} onClick={setEndpoint}>
            {t('setup.setEndpoint')}
          </button>
        </div>
      </div>
    </li>
  );
}

/** The setting that holds a provider's endpoint; an id such as `openai-compatible` is written in camelCase there. */
function settingOf(providerId: string): string {
  const name = providerId.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
  return `providers.${name}.baseUrl`;
}
