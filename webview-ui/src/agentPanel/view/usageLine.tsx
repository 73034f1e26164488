import { t } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

/** Tokens of the last turn, and how full the context window is. */
export function UsageLine() {
  const { state } = usePanel();
  const usage = state.conversation.value?.view.usage ?? null;
  if (usage === null) return <span class="usage" />;
  const input = usage.turn.inputTokens.toLocaleString();
  const output = usage.turn.outputTokens.toLocaleString();
  const used = usage.used.toLocaleString();
  const label =
    usage.size === null
      ? t('usage.labelNoSize', { input, output, used })
      : t('usage.label', { input, output, used, size: usage.size.toLocaleString() });
  const percent = usage.size === null ? null : Math.min(100, Math.round((100 * usage.used) / usage.size));
  return (
    <span class="usage" title={label} aria-label={label} role="note">
      {t('usage.tokens', { input, output })}
      {percent !== null && percent >= 1 && ` · ${percent}%`}
    </span>
  );
}
