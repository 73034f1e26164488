import { useEffect } from 'preact/hooks';
import { Banner } from './banner.tsx';
import { Composer } from './composer.tsx';
import { Conversation } from './conversation.tsx';
import { EmptyState } from './emptyState.tsx';
import { Header } from './header.tsx';
import { usePanel } from './panelContext.ts';
import { SetupCard } from './setupCard.tsx';
import { allowOption } from './permissionCard.tsx';

/** The whole agent panel: header, conversation, composer. */
export function AgentPanel() {
  const controller = usePanel();
  const { state, turns } = controller;
  const hasConversation =
    state.conversation.value !== null || state.isLoading.value || state.pendingPrompt.value !== null;

  useEffect(() => {
    // The chord works from anywhere in the panel; it has a modifier so that nobody allows something by typing on.
    const onKeyDown = (event: KeyboardEvent): void => {
      const question = state.question.value;
      const isChord = event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
      const option = question === null ? undefined : allowOption(question);
      if (!isChord || question === null || option === undefined || event.repeat) return;
      event.preventDefault();
      event.stopPropagation();
      void turns.answer(question.requestId, option.optionId);
    };
    document.addEventListener('keydown', onKeyDown, true);
    return () => document.removeEventListener('keydown', onKeyDown, true);
  }, [state, turns]);

  return (
    <div class="panel">
      <Header />
      <Banner />
      {hasConversation ? <Conversation /> : state.needsSetup.value ? <SetupCard /> : <EmptyState />}
      {hasConversation && state.needsSetup.value && <SetupCard />}
      <Composer />
    </div>
  );
}
