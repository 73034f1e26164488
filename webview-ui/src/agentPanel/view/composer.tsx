import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { IconButton } from '../../components/iconButton.tsx';
import { t, type StringKey } from '../../strings.ts';
import type { ComposerBlock } from '../state/agentPanelState.ts';
import { ModelPicker } from './modelPicker.tsx';
import { usePanel } from './panelContext.ts';
import { UsageLine } from './usageLine.tsx';

/** Beyond this height the input scrolls. */
const maxInputHeightPx = 220;

const blockTexts = {
  noFolder: 'composer.noFolder',
  readOnly: 'composer.readOnly',
  noModel: 'composer.noModel',
  pickModel: 'composer.pickModel',
  waitingForServer: 'composer.waitingForServer',
} as const satisfies Record<ComposerBlock, StringKey>;

/** Where the person writes: the message, the model, send and stop. */
export function Composer() {
  const { bridge, state, turns, conversations } = usePanel();
  const input = useRef<HTMLTextAreaElement>(null);
  const block = state.composerBlock.value;
  const isStopped = state.server.value.state === 'stopped';
  const isRunning = state.canStop.value;
  const draft = state.draft.value;
  const focusRequests = state.focusRequests.value;
  // A draft may be written while the server is away; only sending has to wait.
  const isReadOnly = block === 'readOnly' || block === 'noFolder';

  useLayoutEffect(() => {
    if (input.current !== null) fitHeight(input.current);
  }, [draft]);
  useEffect(() => {
    const element = input.current;
    // A panel that opens beside an editor must not take the keyboard away from it.
    if (element === null || (focusRequests === 0 && !document.hasFocus())) return;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, [focusRequests]);

  const mustPick = block === 'pickModel';
  const send = (): void => {
    if (!mustPick) {
      void turns.send(draft);
      return;
    }
    state.sendsAfterPick.value = draft.trim() !== '';
    state.isModelPickerOpen.value = true;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // While an input method composes a character, Enter belongs to it.
    if (event.isComposing) return;
    const hasModifier = event.shiftKey || event.altKey || event.ctrlKey || event.metaKey;
    if (event.key === 'Enter' && !hasModifier) {
      if (!event.repeat) send();
    } else if (event.key === 'ArrowUp' && draft === '' && !hasModifier) state.draft.value = state.lastPrompt.value;
    else return;
    event.preventDefault();
  };
  return (
    <footer class="composer">
      <ComposerNotices />
      <div class={isReadOnly ? 'composerBox disabled' : 'composerBox'}>
        <textarea
          ref={input}
          class="composerInput"
          rows={1}
          value={draft}
          disabled={isReadOnly}
          placeholder={t(placeholderOf(block, isStopped))}
          aria-label={t('composer.label')}
          onInput={(event) => (state.draft.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <div class="composerBar">
          <ModelPicker />
          <UsageLine />
          {isRunning ? (
            <IconButton
              key="stop"
              icon="debug-stop"
              class="stop"
              label={t('composer.stopHint')}
              onClick={() => turns.cancel()}
            />
          ) : (
            <IconButton
              key="send"
              icon="send"
              class="send"
              label={t('composer.sendHint')}
              disabled={(block !== null && !mustPick) || draft.trim() === ''}
              onClick={send}
            />
          )}
        </div>
      </div>
      {state.sendsAfterPick.value && (
        <div class="composerHint" role="status">
          <Icon name="info" />
          <span>{t('composer.sendsAfterPick')}</span>
        </div>
      )}
      {block === 'readOnly' && (
        <div class="composerHint">
          <Icon name="lock" />
          <span>{state.conversation.value?.readOnlyReason ?? t('composer.readOnly')}</span>
          <button type="button" class="linkButton" onClick={() => void conversations.attachAgain()}>
            {t('composer.checkAgain')}
          </button>
        </div>
      )}
      {state.hasContext.value && !state.server.value.trusted && (
        <div class="composerHint">
          <Icon name="shield" />
          <span>{t('composer.untrusted')}</span>
          <button type="button" class="linkButton" onClick={() => bridge.act({ action: 'manageTrust' })}>
            {t('composer.manageTrust')}
          </button>
        </div>
      )}
    </footer>
  );
}

/** What went wrong with the last thing the person asked for. */
function ComposerNotices() {
  const { state } = usePanel();
  const notice = state.notice.value;
  if (notice === null) return null;
  const retry = notice.retry;
  const dismiss = (): void => {
    state.notice.value = null;
  };
  return (
    <div class={notice.isError ? 'notice error' : 'notice'} role="alert">
      <Icon name={notice.isError ? 'error' : 'info'} />
      <span class="noticeText">{notice.text}</span>
      {retry !== undefined && (
        <button
          type="button"
          class="linkButton"
          onClick={() => {
            dismiss();
            retry.run();
          }}
        >
          {retry.label}
        </button>
      )}
      <IconButton icon="close" label={t('notice.dismiss')} onClick={dismiss} />
    </div>
  );
}

function placeholderOf(block: ComposerBlock | null, isStopped: boolean): StringKey {
  if (block === null) return 'composer.placeholder';
  return block === 'waitingForServer' && isStopped ? 'server.stopped' : blockTexts[block];
}

function fitHeight(element: HTMLTextAreaElement): void {
  element.style.height = 'auto';
  element.style.height = `${Math.min(element.scrollHeight, maxInputHeightPx)}px`;
  element.style.overflowY = element.scrollHeight > maxInputHeightPx ? 'auto' : 'hidden';
}
