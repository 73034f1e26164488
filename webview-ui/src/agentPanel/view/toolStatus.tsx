import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import type { ToolCallItem } from '../state/conversationView.ts';
import { callState, isRejected } from './callState.ts';
import { durationText } from './durationText.ts';

/** The right-hand end of a tool call's line: spinner, duration, what it waits for, or what went wrong. */
export function ToolStatus({ call }: { readonly call: ToolCallItem }) {
  const state = callState(call);
  if (state === 'stopped') return <span class="toolStatus">{t('tool.stopped')}</span>;
  if (state === 'pending' || state === 'waiting') return <span class="toolStatus">{t('tool.pending')}</span>;
  if (state === 'notRun') {
    return (
      <span class="toolStatus">
        <Icon name="circle-slash" />
        {t('tool.notRun')}
      </span>
    );
  }
  if (state === 'background') {
    return (
      <span class="toolStatus badge">
        <Icon name="terminal" />
        {t('tool.inBackground')}
      </span>
    );
  }
  if (state === 'running') {
    return (
      <span class="toolStatus">
        <Icon name="loading" spin />
        <span class="visuallyHidden">{t('tool.running')}</span>
      </span>
    );
  }
  const isFailed = state === 'failed';
  return (
    <span class={isFailed ? 'toolStatus failed' : 'toolStatus'}>
      {durationText(call)}
      <Icon name={isFailed ? 'error' : 'check'} />
      <span class="visuallyHidden">{isFailed ? t('tool.failed') : t('tool.completed')}</span>
    </span>
  );
}

/** The text that a call shows the person, links and resources by their names. */
export function contentText(call: ToolCallItem): string {
  if (isRejected(call)) return '';
  const parts = call.content.map((part) => {
    if (part.type !== 'content') return '';
    const block = part.content;
    if (block.type === 'text') return block.text;
    return block.type === 'resource' ? block.resource.text : block.name;
  });
  return parts.filter((part) => part !== '').join('\n');
}
