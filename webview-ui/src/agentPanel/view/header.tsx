import { useState } from 'preact/hooks';
import { IconButton } from '../../components/iconButton.tsx';
import { t } from '../../strings.ts';
import { HistoryMenu } from './historyMenu.tsx';
import { usePanel } from './panelContext.ts';

/** Title of the conversation, the list of all of them, and a button for a new one. */
export function Header() {
  const { state, conversations } = usePanel();
  const [isHistoryOpen, setHistoryOpen] = useState(false);
  const title = state.conversation.value?.view.title ?? '';
  const toggleHistory = (): void => {
    if (!isHistoryOpen) void conversations.refreshList();
    setHistoryOpen(!isHistoryOpen);
  };
  const closeHistory = (): void => {
    setHistoryOpen(false);
    state.focusRequests.value++;
  };
  return (
    <header class="header">
      <h1 class="headerTitle" title={title}>
        {title === '' ? t('header.untitled') : title}
      </h1>
      <IconButton icon="history" label={t('header.history')} expanded={isHistoryOpen} onClick={toggleHistory} />
      <IconButton icon="add" label={t('header.newConversation')} onClick={() => conversations.startNew()} />
      {isHistoryOpen && <HistoryMenu onClose={closeHistory} />}
    </header>
  );
}
