import { useState } from 'preact/hooks';
import type { ToolKind } from '../../../../server/protocol/sessionEvents.ts';
import type { IconName } from '../../components/glyphs.ts';
import { Icon } from '../../components/icon.tsx';
import { dropHidden, revealHidden } from '../../markdown/visibleText.ts';
import { t } from '../../strings.ts';
import type { ToolCallItem } from '../state/conversationView.ts';
import { callState } from './callState.ts';
import { CommandCard } from './commandCard.tsx';
import { ClippedText } from './clippedText.tsx';
import { openFile, usePanel } from './panelContext.ts';
import { PermissionCard } from './permissionCard.tsx';
import { contentText, ToolStatus } from './toolStatus.tsx';

const kindIcons = {
  read: 'file',
  edit: 'edit',
  delete: 'trash',
  move: 'move',
  search: 'search',
  execute: 'terminal',
  think: 'lightbulb',
  fetch: 'globe',
  other: 'tools',
} as const satisfies Record<ToolKind, IconName>;

/** One call of a tool: a line that says what and how it went, which opens to its input and output. */
export function ToolCallCard({ call }: { readonly call: ToolCallItem }) {
  return (
    <section class="entry toolCall" aria-label={dropHidden(call.title)}>
      {call.kind === 'execute' ? <CommandCard call={call} /> : <PlainToolCall call={call} />}
      {call.question !== null && <PermissionCard question={call.question} />}
    </section>
  );
}

function PlainToolCall({ call }: { readonly call: ToolCallItem }) {
  const controller = usePanel();
  const [isOpen, setOpen] = useState(false);
  const location = call.locations[0];
  const input = inputText(call.rawInput);
  const output = contentText(call);
  return (
    <div class="toolPlain">
      <button type="button" class="toolHeader" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? 'chevron-down' : 'chevron-right'} />
        <Icon name={kindIcons[call.kind]} />
        <span class="toolTitle">{revealHidden(call.title)}</span>
        <ToolStatus call={call} />
      </button>
      {isOpen && (
        <div class="toolBody">
          {location !== undefined && (
            <button
              type="button"
              class="linkButton"
              onClick={() => openFile(controller, location.path, location.line ?? null)}
            >
              {t('tool.openFile', { path: location.path })}
            </button>
          )}
          {input !== '' && (
            <>
              <div class="toolLabel">{t('tool.input')}</div>
              <ClippedText text={input} />
            </>
          )}
          <div class="toolLabel">{t('tool.output')}</div>
          {output === '' ? (
            <div class="toolNothing">{t(callState(call) === 'notRun' ? 'tool.notRun' : 'tool.noOutput')}</div>
          ) : (
            <ClippedText text={output} />
          )}
        </div>
      )}
    </div>
  );
}

function inputText(rawInput: unknown): string {
  if (rawInput === undefined || rawInput === null) return '';
  const text = typeof rawInput === 'string' ? rawInput : JSON.stringify(rawInput, null, 2);
  return text === '{}' ? '' : text;
}
