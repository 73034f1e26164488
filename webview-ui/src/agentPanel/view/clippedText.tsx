import { useState } from 'preact/hooks';
import { plainTerminalText } from '../../markdown/visibleText.ts';
import { t } from '../../strings.ts';

const clippedLines = 12;
const clippedChars = 4000;

export interface ClippedTextProps {
  readonly text: string;
  /** Which end stays: of a command's output the last lines tell most. */
  readonly keep?: 'start' | 'end';
}

/** Monospaced text of which only some lines are shown at first. */
export function ClippedText({ text, keep = 'start' }: ClippedTextProps) {
  const [isWhole, setWhole] = useState(false);
  const plain = plainTerminalText(text).replace(/\n+$/, '');
  const lines = plain.split('\n');
  const isLong = lines.length > clippedLines || plain.length > clippedChars;
  const clip = (): string =>
    keep === 'start'
      ? lines.slice(0, clippedLines).join('\n').slice(0, clippedChars)
      : lines.slice(-clippedLines).join('\n').slice(-clippedChars);
  const button = isLong && (
    <button type="button" class="linkButton clipToggle" onClick={() => setWhole(!isWhole)}>
      {isWhole ? t('tool.showLess') : t('tool.showAll', { count: lines.length })}
    </button>
  );
  return (
    <div class="clipped">
      {keep === 'end' && button}
      <pre class="output" tabIndex={0}>
        {isLong && !isWhole ? clip() : plain}
      </pre>
      {keep === 'start' && button}
    </div>
  );
}
