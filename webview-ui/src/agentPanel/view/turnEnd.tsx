import type { StopReason } from '../../../../server/protocol/sessionEvents.ts';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import type { TurnEndItem } from '../state/conversationView.ts';
import { usePanel } from './panelContext.ts';

/** How a turn ended, where that is worth a word; the newest one offers to go on. */
export function TurnEnd({ end, isLast }: { readonly end: TurnEndItem; readonly isLast: boolean }) {
  const { state, turns } = usePanel();
  const text = textOf(end);
  if (text === null) return null;
  const isError = end.stopReason === 'failed' || (end.error !== null && isComplete(end));
  const mayContinue =
    isLast &&
    !neverGoesOn.includes(end.stopReason) &&
    state.conversation.value?.access === 'write' &&
    !state.isRunning.value;
  return (
    <div class={isError ? 'entry turnEnd error' : 'entry turnEnd'} role={isError ? 'alert' : 'status'}>
      <Icon name={isError ? 'error' : 'info'} />
      <span class="turnEndText">{text}</span>
      {mayContinue && (
        <button
          type="button"
          class="button secondary"
          disabled={!state.isServerUp.value}
          onClick={() => void turns.continueTurn()}
        >
          {t('turn.continue')}
        </button>
      )}
    </div>
  );
}

const neverGoesOn: readonly StopReason[] = ['refusal', 'end_turn'];

/** The turn ended as it was to end: an error says that this could not be saved. */
function isComplete({ stopReason }: TurnEndItem): boolean {
  return stopReason === 'end_turn' || stopReason === 'cancelled';
}

function textOf({ stopReason, error }: TurnEndItem): string | null {
  switch (stopReason) {
    case 'end_turn':
      return error?.message ?? null;
    case 'cancelled':
      return error === null ? t('turn.cancelled') : `${t('turn.cancelled')} ${error.message}`;
    case 'interrupted':
      return error?.message ?? t('turn.interrupted');
    case 'max_tokens':
      return t('turn.maxTokens');
    case 'max_turn_requests':
      return error?.message ?? t('turn.budget');
    case 'refusal':
      return t('turn.refusal');
    case 'failed':
      return error?.message ?? t('turn.failed');
  }
}
