import { useEffect, useRef, useState } from 'preact/hooks';
import type { PermissionOption } from '../../../../server/protocol/sessionEvents.ts';
import { Icon } from '../../components/icon.tsx';
import { revealHidden } from '../../markdown/visibleText.ts';
import { t, type StringKey } from '../../strings.ts';
import type { PermissionQuestion } from '../state/conversationView.ts';
import { folderText } from './folderText.ts';
import { usePanel } from './panelContext.ts';

/** The option that the allow chord stands for: never one that allows more than this once. */
export function allowOption(question: PermissionQuestion): PermissionOption | undefined {
  return question.options.find((option) => option.kind === 'allow_once');
}

const optionTexts: Readonly<Record<PermissionOption['kind'], StringKey>> = {
  allow_once: 'permission.allowOnce',
  allow_always: 'permission.allowAlways',
  reject_once: 'permission.rejectOnce',
  reject_always: 'permission.rejectAlways',
};

/** An option in the person's language. Of several of one kind only the names tell which is which. */
function optionText(option: PermissionOption, { options }: PermissionQuestion): string {
  const isOnlyOne = options.filter(({ kind }) => kind === option.kind).length === 1;
  return isOnlyOne ? t(optionTexts[option.kind]) : option.name;
}

/** What the agent asks to be allowed, in full and with nothing hidden, and the possible answers. */
export function PermissionCard({ question }: { readonly question: PermissionQuestion }) {
  return question.answer === undefined ? (
    <OpenQuestion question={question} />
  ) : (
    <AnsweredQuestion question={question} />
  );
}

function OpenQuestion({ question }: { readonly question: PermissionQuestion }) {
  const { state, turns } = usePanel();
  const card = useRef<HTMLDivElement>(null);
  const [isSent, setSent] = useState(false);
  const isNext = state.question.value?.requestId === question.requestId;
  const mayAnswer = state.question.value !== null && state.isServerUp.value && !isSent;

  useEffect(() => {
    // The card itself takes the focus, not a button: an Enter that was meant for something else must allow nothing.
    // And somebody who is writing goes on writing.
    const isWriting = state.draft.peek() !== '' || document.activeElement?.closest('.terminalView') != null;
    if (isNext && !isWriting && document.hasFocus()) card.current?.focus({ preventScroll: true });
    if (isNext) card.current?.scrollIntoView({ block: 'nearest' });
  }, [isNext]);

  const answer = async (optionId: string): Promise<void> => {
    setSent(true);
    await turns.answer(question.requestId, optionId);
    setSent(false);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const option = question.options[Number(event.key) - 1];
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
    if (option === undefined || hasModifier || event.repeat || !mayAnswer) return;
    event.preventDefault();
    void answer(option.optionId);
  };
  return (
    <div
      class="permission"
      role="group"
      tabIndex={-1}
      ref={card}
      aria-label={`${t('permission.title')}: ${question.detail}`}
      onKeyDown={onKeyDown}
    >
      <div class="permissionTitle">
        <Icon name="shield" />
        <span>{t('permission.title')}</span>
      </div>
      <pre class="permissionDetail" tabIndex={0}>
        {revealHidden(question.detail)}
      </pre>
      <QuestionFolder question={question} />
      <div class="buttonRow">
        {question.options.map((option, index) => (
          <button
            key={option.optionId}
            type="button"
            class={option === allowOption(question) ? 'button' : 'button secondary'}
            disabled={!mayAnswer}
            onClick={() => void answer(option.optionId)}
          >
            {optionText(option, question)}
            <kbd>{option === allowOption(question) ? allowKeys : index + 1}</kbd>
          </button>
        ))}
      </div>
    </div>
  );
}

function QuestionFolder({ question }: { readonly question: PermissionQuestion }) {
  const { state } = usePanel();
  const folder = question.cwd === null ? null : folderText(question.cwd, state.server.value.workspaceFolder);
  return folder === null ? null : (
    <div class="permissionFolder">{t('permission.folder', { folder: revealHidden(folder) })}</div>
  );
}

const allowKeys = navigator.userAgent.includes('Mac') ? '⌘↵' : 'Ctrl+↵';

function AnsweredQuestion({ question }: { readonly question: PermissionQuestion }) {
  const option = question.options.find((candidate) => candidate.optionId === question.answer);
  const isAllowed = option?.kind.startsWith('allow') ?? false;
  const name = option === undefined ? (question.answer ?? '') : optionText(option, question);
  return (
    <div class={isAllowed ? 'permissionAnswer' : 'permissionAnswer denied'}>
      <Icon name={isAllowed ? 'check' : 'circle-slash'} />
      <span>{question.answer === null ? t('permission.lapsed') : t('permission.chosen', { option: name })}</span>
    </div>
  );
}
