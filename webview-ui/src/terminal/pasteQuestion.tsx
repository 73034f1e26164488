import { useEffect, useRef } from 'preact/hooks';
import { t } from '../strings.ts';

export interface PasteQuestionProps {
  readonly text: string;
  /** With the text that is to be pasted, or null for none. */
  readonly onAnswer: (text: string | null) => void;
}

const shownChars = 400;

/** Asks before several lines are pasted into a program that would run each of them as it comes. */
export function PasteQuestion({ text, onAnswer }: PasteQuestionProps) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const lines = text.replace(/(?:\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);
  return (
    <div
      class="pasteQuestion"
      role="alertdialog"
      aria-label={t('paste.question', { count: lines.length })}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onAnswer(null);
      }}
    >
      <p>{t('paste.question', { count: lines.length })}</p>
      <pre>{text.length > shownChars ? `${text.slice(0, shownChars)}…` : text}</pre>
      <div class="buttons">
        <button type="button" class="button" ref={first} onClick={() => onAnswer(text)}>
          {t('paste.paste')}
        </button>
        <button type="button" class="button secondary" onClick={() => onAnswer(lines.join(' '))}>
          {t('paste.oneLine')}
        </button>
        <button type="button" class="button secondary" onClick={() => onAnswer(null)}>
          {t('paste.cancel')}
        </button>
      </div>
    </div>
  );
}
