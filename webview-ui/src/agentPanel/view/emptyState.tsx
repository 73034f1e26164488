import { Icon } from '../../components/icon.tsx';
import { t, type StringKey } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

const suggestions: readonly StringKey[] = ['empty.suggestTests', 'empty.suggestExplain', 'empty.suggestFind'];

/** What a conversation shows before its first prompt. */
export function EmptyState() {
  const { state } = usePanel();
  const hasFolder = state.server.value.workspaceFolder !== null;
  const suggest = (text: string): void => {
    const draft = state.draft.value;
    // What somebody has typed stays; another suggestion, which nobody typed, makes room.
    const isTyped = draft.trim() !== '' && !suggestions.some((key) => t(key) === draft);
    if (!isTyped) state.draft.value = text;
    else if (!draft.includes(text)) state.draft.value = `${draft}\n${text}`;
    state.focusRequests.value++;
  };
  return (
    <main class="emptyState">
      <Icon name="sparkle" />
      <h2>{t('empty.title')}</h2>
      <p>{hasFolder || !state.hasContext.value ? t('empty.text') : t('empty.noFolder')}</p>
      {hasFolder && (
        <ul class="suggestions">
          {suggestions.map((key) => (
            <li key={key}>
              <button type="button" class="suggestion" onClick={() => suggest(t(key))}>
                {t(key)}
              </button>
            </li>
          ))}
        </ul>
      )}
    </main>
  );
}
