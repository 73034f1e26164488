import { useEffect, useRef } from 'preact/hooks';
import { Banner } from './banner.tsx';
import { Composer } from './composer.tsx';
import { Conversation } from './conversation.tsx';
import { DamageBanner } from './damageBanner.tsx';
import { EmptyState } from './emptyState.tsx';
import { Header } from './header.tsx';
import { usePanel } from './panelContext.ts';
import { SetupCard } from './setupCard.tsx';
import { allowOption } from './permissionCard.tsx';
import { useFocusHandover } from './useFocusHandover.ts';

/** The whole agent panel: header, conversation, composer. */
export function AgentPanel() {
  const controller = usePanel();
  const { state, turns } = controller;
  const panel = useRef<HTMLDivElement>(null);
  useFocusHandover(panel);
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

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      // While an input method composes a character, Escape belongs to it.
      if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented || !state.canStop.value) return;
      if (belongsToPopupOrProgram(event.target)) return;
      event.preventDefault();
      turns.cancel();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [state, turns]);

  return (
    <div class="panel" ref={panel}>
      <Header />
      <Banner />
      <DamageBanner />
      {hasConversation ? <Conversation /> : state.needsSetup.value ? <SetupCard /> : <EmptyState />}
      {hasConversation && state.needsSetup.value && <SetupCard />}
      <Composer />
    </div>
  );
}

/** An open popup closes by Escape, and a program in a terminal has its own use for it. */
function belongsToPopupOrProgram(target: EventTarget | null): boolean {
  const isInTerminal = target instanceof Element && target.closest('.terminalView') !== null;
  return isInTerminal || document.querySelector('.picker') !== null;
}
