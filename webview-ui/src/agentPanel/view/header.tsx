import { useState } from 'preact/hooks';
import { IconButton } from '../../components/iconButton.tsx';
import { t } from '../../strings.ts';
import type { AgentPanelState } from '../state/agentPanelState.ts';
import { HistoryMenu } from './historyMenu.tsx';
import { usePanel } from './panelContext.ts';

function titleOf(state: AgentPanelState): string {
  const conversation = state.conversation.value;
  if (conversation !== null || !state.isLoading.value) return conversation?.view.title ?? '';
  const listed = state.sessions.value?.find(({ sessionId }) => sessionId === state.wantedSessionId.value);
  return listed?.title ?? t('conversation.loading');
}

/** Title of the conversation, the list of all of them, and a button for a new one. */
export function Header() {
  const { state, conversations } = usePanel();
  const [isHistoryOpen, setHistoryOpen] = useState(false);
  const title = titleOf(state);
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
