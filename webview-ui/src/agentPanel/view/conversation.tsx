import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import type { ConversationItem } from '../state/conversationView.ts';
import { ConversationEntry } from './conversationEntry.tsx';
import { usePanel } from './panelContext.ts';
import { usePinnedScroll } from './usePinnedScroll.ts';

/** Entries in the page at a time; older ones come when asked for, so that a long conversation stays light. */
const windowSize = 200;

/** The conversation as a log that follows its end, unless the person has scrolled up. */
export function Conversation() {
  const { state } = usePanel();
  const conversation = state.conversation.value;
  const scroll = usePinnedScroll(conversation?.sessionId ?? null);
  const items = conversation?.view.items ?? noItems;
  const { firstShown, showEarlier } = useWindow(conversation?.sessionId ?? null, items.length, scroll.isPinned);
  return (
    <main class="conversation">
      <div class="conversationScroll" ref={scroll.viewport} tabIndex={-1}>
        <div class="conversationContent" ref={scroll.content}>
          {conversation?.hasEarlier === true && firstShown === 0 && (
            <div class="conversationNote">{t('conversation.earlierLeftOut')}</div>
          )}
          {firstShown > 0 && (
            <button type="button" class="linkButton showEarlier" onClick={() => scroll.keepPosition(showEarlier)}>
              {t('conversation.showEarlier', { count: Math.min(windowSize, firstShown) })}
            </button>
          )}
          <div role="log" aria-live="polite" aria-relevant="additions" aria-label={t('conversation.log')}>
            {items.slice(firstShown).map((item, index) => (
              <ConversationEntry key={item.key} item={item} isLast={firstShown + index === items.length - 1} />
            ))}
            <PendingPrompt />
          </div>
          <Activity />
        </div>
      </div>
      {!scroll.isPinned && (
        <button type="button" class="jumpToLatest" onClick={scroll.toEnd}>
          <Icon name="arrow-down" />
          {t('conversation.jumpToLatest')}
        </button>
      )}
    </main>
  );
}

const noItems: readonly ConversationItem[] = [];

/** Which entries are in the page. While the person reads further up, the first one stays, so nothing moves. */
function useWindow(sessionId: string | null, count: number, isPinned: boolean) {
  const [shown, setShown] = useState({ sessionId, size: windowSize });
  const size = shown.sessionId === sessionId ? shown.size : windowSize;
  const first = useRef(0);
  const latestFirst = Math.max(0, count - size);
  const isKept = !isPinned && shown.sessionId === sessionId && first.current <= latestFirst;
  const firstShown = isKept ? first.current : latestFirst;
  first.current = firstShown;
  const showEarlier = (): void => {
    first.current = Math.max(0, firstShown - windowSize);
    setShown({ sessionId, size: count - first.current });
  };
  // Back at the end, the page becomes light again.
  useLayoutEffect(() => {
    if (isPinned) setShown({ sessionId, size: windowSize });
  }, [isPinned, sessionId]);
  return { firstShown, showEarlier };
}

/** The person's message between "sent" and "on disk". */
function PendingPrompt() {
  const { state } = usePanel();
  const prompt = state.pendingPrompt.value;
  if (prompt === null) return null;
  return (
    <article class="entry userMessage pending" aria-label={t('conversation.sending')}>
      <div class="userText">{prompt}</div>
    </article>
  );
}

/** A line at the end that says what the panel waits for. */
function Activity() {
  const { state } = usePanel();
  if (state.isLoading.value) return <ActivityLine text={t('conversation.loading')} />;
  if (!state.isRunning.value || !state.isServerUp.value) return null;
  if (state.question.value !== null) return null;
  const last = state.conversation.value?.view.items.at(-1);
  const saysSoItself = last?.type === 'thought' || (last?.type === 'tool' && last.status === 'in_progress');
  return saysSoItself ? null : <ActivityLine text={t('conversation.working')} />;
}

function ActivityLine({ text }: { readonly text: string }) {
  return (
    <div class="activity" role="status">
      <Icon name="loading" spin />
      <span>{text}</span>
    </div>
  );
}
