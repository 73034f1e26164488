import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import type { ConversationItem } from '../state/conversationView.ts';
import { ConversationEntry } from './conversationEntry.tsx';
import { EarlierButton } from './earlierButton.tsx';
import { usePanel } from './panelContext.ts';
import { useEntryWindow } from './useEntryWindow.ts';
import { useKeptPlace } from './useKeptPlace.ts';
import { usePinnedScroll } from './usePinnedScroll.ts';

/** The conversation as a log that follows its end, unless the person has scrolled up. */
export function Conversation() {
  const { state, earlier: actions } = usePanel();
  const conversation = state.conversation.value;
  const sessionId = conversation?.sessionId ?? null;
  const earlier = conversation?.earlier ?? null;
  const items = conversation?.view.items ?? noItems;
  const inFront = earlier?.loadedItems ?? 0;
  const scroll = usePinnedScroll(sessionId);
  const { isPinned, viewport } = scroll;
  const log = useRef<HTMLDivElement>(null);
  const shown = useEntryWindow(sessionId, { count: items.length, inFront, isPinned });
  useKeptPlace({ viewport, list: log, onMoved: scroll.noteMoved }, `${sessionId}:${shown.firstFromAttach}`, !isPinned);
  const hasEarlier = shown.first > 0 || earlier?.hasMore === true;
  const showEarlier = (): void => {
    scroll.unpin();
    if (shown.first > 0) shown.showEarlier();
    else void actions.load().then(shown.showEarlier);
  };
  // Whoever presses the button is at the top, even if the view is not, as after pressing it before by key.
  const goToEarlier = (): void => {
    scroll.toStart();
    showEarlier();
  };
  scroll.edges.current = {
    isEndOfAll: shown.end === items.length,
    // Whoever scrolls on after a failure does not ask for the next one: there is a button for that.
    onNearStart: () => {
      if (hasEarlier && earlier?.error === null && !earlier.isLoading) showEarlier();
    },
    onNearEnd: () => {
      if (shown.end < items.length) shown.showLater();
    },
  };
  useEffect(() => {
    if (isPinned) actions.release();
  }, [isPinned, actions]);
  return (
    <main class="conversation">
      <div class={`conversationScroll${isPinned ? ' pinned' : ''}`} ref={viewport} tabIndex={-1}>
        <div class="conversationContent" ref={scroll.content}>
          {hasEarlier && <EarlierButton earlier={earlier} onClick={goToEarlier} focusAfter={viewport} />}
          <EarlierAnnouncement count={inFront} isLoading={earlier?.isLoading === true} />
          {/* What is put in front of the log is no news: it is announced by one sentence. */}
          <div
            role="log"
            ref={log}
            aria-live={isPinned ? 'polite' : 'off'}
            aria-relevant="additions"
            aria-label={t('conversation.log')}
          >
            {items.slice(shown.first, shown.end).map((item, index) => (
              <ConversationEntry key={item.key} item={item} isLast={shown.first + index === items.length - 1} />
            ))}
            {shown.end === items.length && <PendingPrompt />}
          </div>
          <Activity />
        </div>
      </div>
      {!isPinned && (
        <button type="button" class="jumpToLatest" onClick={scroll.toEnd}>
          <Icon name="arrow-down" />
          {t('conversation.jumpToLatest')}
        </button>
      )}
    </main>
  );
}

const noItems: readonly ConversationItem[] = [];

/** Tells a screen reader that earlier entries are being loaded, and then how many were put in front. */
function EarlierAnnouncement({ count, isLoading }: { readonly count: number; readonly isLoading: boolean }) {
  const before = useRef(count);
  const text = useRef('');
  if (isLoading) text.current = t('conversation.loadingEarlier');
  else if (count > before.current) text.current = t('conversation.earlierLoaded', { count: count - before.current });
  else if (text.current === t('conversation.loadingEarlier')) text.current = '';
  useEffect(() => {
    if (!isLoading) before.current = count;
  }, [count, isLoading]);
  return (
    <div class="visuallyHidden" role="status">
      {text.current}
    </div>
  );
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
