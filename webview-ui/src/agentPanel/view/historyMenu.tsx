import type { ConversationSummary } from '../../../../server/protocol/session.ts';
import { Icon } from '../../components/icon.tsx';
import { Picker, type PickerEntry } from '../../components/picker.tsx';
import { t } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

/** The workspace's conversations, the latest first: open one, or delete one after a question. */
export function HistoryMenu({ onClose }: { readonly onClose: () => void }) {
  const { state, conversations } = usePanel();
  const sessions = state.sessions.value;
  const now = Date.now();
  const entries = (sessions ?? []).map((session) => toEntry(session, now));
  return (
    <Picker
      class="historyMenu"
      label={t('history.label')}
      filterLabel={t('history.filter')}
      entries={entries}
      selectedId={state.conversation.value?.sessionId ?? null}
      emptyText={(filter) => {
        if (sessions === null) return t('history.loading');
        return filter === '' ? t('history.empty') : t('history.noMatch', { filter });
      }}
      onPick={(id) => {
        void conversations.open(id);
        onClose();
      }}
      onClose={onClose}
      deletion={{
        label: (entry) => t('history.delete', { title: entry.label }),
        question: (entry) => t('history.deleteQuestion', { title: entry.label }),
        confirm: t('history.confirmDelete'),
        cancel: t('history.cancelDelete'),
        onDelete: (id) => {
          const session = sessions?.find((candidate) => candidate.sessionId === id);
          if (session !== undefined) void conversations.remove(session.sessionId);
        },
      }}
    />
  );
}

function toEntry(session: ConversationSummary, now: number): PickerEntry {
  const states = [
    session.running ? t('history.running') : '',
    session.unopenable !== undefined ? t('history.unopenable') : '',
    session.access === 'read' && session.unopenable === undefined ? t('history.readOnly') : '',
    session.importedAt !== undefined ? t('history.imported') : '',
    relativeTime(session.updatedAt, now),
  ];
  return {
    id: session.sessionId,
    label: session.title === '' ? t('header.untitled') : session.title,
    detail: states.filter((text) => text !== '').join(' · '),
    ...(session.access === 'read' ? { icon: <Icon name="lock" /> } : {}),
    ...(session.unopenable !== undefined ? { icon: <Icon name="warning" /> } : {}),
    ...(session.running ? { icon: <Icon name="loading" spin /> } : {}),
  };
}

function relativeTime(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return t('time.now');
  if (minutes < 60) return t('time.minutes', { count: minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? t('time.hours', { count: hours }) : t('time.days', { count: Math.floor(hours / 24) });
}
