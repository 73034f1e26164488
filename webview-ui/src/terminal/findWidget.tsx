import { useEffect, useRef, useState } from 'preact/hooks';
import { IconButton } from '../components/iconButton.tsx';
import { t } from '../strings.ts';
import type { FindOptions, FindResults, TerminalSearch } from './terminalSearch.ts';

export interface FindWidgetProps {
  readonly search: TerminalSearch;
  /** Rises each time the person asks for the widget, which then takes the keyboard. */
  readonly asked: number;
  readonly onClose: () => void;
}

const toggles = [
  { key: 'isCaseSensitive', icon: 'case-sensitive', label: 'find.caseSensitive' },
  { key: 'isWholeWord', icon: 'whole-word', label: 'find.wholeWord' },
  { key: 'isRegex', icon: 'regex', label: 'find.regex' },
] as const;

/** Finds in the terminal: Enter goes to the next match, Shift+Enter to the one before, Escape closes. */
export function FindWidget({ search, asked, onClose }: FindWidgetProps) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const [options, setOptions] = useState<FindOptions>({ isCaseSensitive: false, isWholeWord: false, isRegex: false });
  const [results, setResults] = useState<FindResults | null>(null);

  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, [asked]);
  useEffect(() => {
    const listening = search.onResults(setResults);
    return () => {
      listening.dispose();
      search.clear();
    };
  }, [search]);
  useEffect(() => search.find(text, options, true), [search, text, options]);

  const find = (isBack: boolean): void => search.find(text, options, isBack);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter' && event.target === input.current) find(!event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <search class="findWidget" aria-label={t('find.label')} onKeyDown={onKeyDown}>
      <input
        ref={input}
        type="text"
        class="findInput"
        value={text}
        placeholder={t('find.placeholder')}
        aria-label={t('find.placeholder')}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {toggles.map(({ key, icon, label }) => (
        <IconButton
          key={key}
          icon={icon}
          label={t(label)}
          pressed={options[key]}
          onClick={() => setOptions({ ...options, [key]: !options[key] })}
        />
      ))}
      <span class="findResults" role="status">
        {text === '' ? '' : resultText(results)}
      </span>
      <IconButton icon="arrow-up" label={t('find.previous')} onClick={() => find(true)} />
      <IconButton icon="arrow-down" label={t('find.next')} onClick={() => find(false)} />
      <IconButton icon="close" label={t('find.close')} onClick={onClose} />
    </search>
  );
}

function resultText(results: FindResults | null): string {
  if (results === null || results.count === 0) return t('find.none');
  return results.index < 0
    ? t('find.count', { count: results.count })
    : t('find.position', { index: results.index + 1, count: results.count });
}
