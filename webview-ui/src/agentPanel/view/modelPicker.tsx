import { useRef } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { Picker, type PickerEntry } from '../../components/picker.tsx';
import { t } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

/** Shows which model the next prompt goes to, and lets the person pick another. */
export function ModelPicker() {
  const { bridge, state, models, turns } = usePanel();
  const isOpen = state.isModelPickerOpen.value;
  const button = useRef<HTMLButtonElement>(null);
  const catalog = state.catalog.value;
  const current = state.currentModel.value;
  const known = catalog?.models.find((model) => model.id === current);
  const close = (): void => {
    const isForPrompt = state.sendsAfterPick.value;
    state.isModelPickerOpen.value = false;
    state.sendsAfterPick.value = false;
    // It closes too when the person has gone to an editor, where the keyboard stays.
    if (!document.hasFocus()) return;
    if (isForPrompt) state.focusRequests.value++;
    else button.current?.focus();
  };
  const pick = async (id: string): Promise<void> => {
    const sends = state.sendsAfterPick.value;
    state.isModelPickerOpen.value = false;
    state.sendsAfterPick.value = false;
    state.focusRequests.value++;
    const conversation = state.conversation.value?.sessionId;
    await models.choose(id);
    if (sends && state.conversation.value?.sessionId === conversation) await turns.send(state.draft.value);
  };
  const name = known?.name ?? current;
  const text =
    name ?? (catalog === null ? t('model.loading') : t(catalog.models.length === 0 ? 'model.none' : 'model.pick'));
  return (
    <div class="modelPicker">
      <button
        type="button"
        ref={button}
        class="modelButton"
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-label={`${t('model.label')}: ${text}`}
        title={current ?? t('model.pick')}
        onClick={() => (isOpen ? close() : (state.isModelPickerOpen.value = true))}
      >
        <span class="modelName">{text}</span>
        <Icon name="chevron-down" />
      </button>
      {isOpen && (
        <Picker
          class="modelMenu"
          label={t('model.label')}
          filterLabel={t('model.filter')}
          entries={entriesOf(catalog?.models ?? [])}
          selectedId={current}
          emptyText={(filter) => {
            if (state.isCatalogLoading.value) return t('model.loading');
            return filter === '' ? t('model.none') : t('history.noMatch', { filter });
          }}
          onPick={(id) => void pick(id)}
          onClose={close}
          footer={
            <>
              <button type="button" class="linkButton" onClick={() => void models.refresh(true)}>
                <Icon name={state.isCatalogLoading.value ? 'loading' : 'refresh'} spin={state.isCatalogLoading.value} />
                {t('model.refresh')}
              </button>
              <button
                type="button"
                class="linkButton"
                onClick={() => bridge.act({ action: 'runCommand', command: 'setApiKey' })}
              >
                <Icon name="key" />
                {t('model.setApiKey')}
              </button>
            </>
          }
        />
      )}
    </div>
  );
}

function entriesOf(
  models: readonly { id: string; name: string; provider: string; contextTokens?: number | undefined }[],
) {
  const sorted = [...models].sort((a, b) => a.provider.localeCompare(b.provider) || a.name.localeCompare(b.name));
  return sorted.map(({ id, name, provider, contextTokens }): PickerEntry => ({
    id,
    label: name,
    group: provider,
    ...(contextTokens === undefined ? {} : { detail: t('model.context', { tokens: shortCount(contextTokens) }) }),
  }));
}

function shortCount(tokens: number): string {
  if (tokens >= 1_000_000) return `${Math.round(tokens / 100_000) / 10}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
}
