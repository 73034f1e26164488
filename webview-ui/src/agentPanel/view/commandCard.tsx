import { Icon } from '../../components/icon.tsx';
import { IconButton } from '../../components/iconButton.tsx';
import { plainTerminalText, revealHidden } from '../../markdown/visibleText.ts';
import { t } from '../../strings.ts';
import { TerminalView } from '../../terminal/terminalView.tsx';
import type { ToolCallItem } from '../state/conversationView.ts';
import { ClippedText } from './clippedText.tsx';
import { callState } from './callState.ts';
import { copyText, usePanel } from './panelContext.ts';
import { readCommandLine, readCommandOutcome, readTerminalId } from './readCommand.ts';
import { contentText, ToolStatus } from './toolStatus.tsx';

const terminalRows = 10;

/** A command of the agent: its line, its terminal while it runs, its output and exit code afterwards. */
export function CommandCard({ call }: { readonly call: ToolCallItem }) {
  const controller = usePanel();
  const commandLine = readCommandLine(call);
  const output = withoutBlankStart(plainTerminalText(contentText(call)));
  const terminalId = readTerminalId(call);
  const isLive = call.status === 'in_progress' && !call.abandoned && terminalId !== null;
  const state = callState(call);
  const hasRun = state === 'done' || state === 'failed';
  return (
    <div class="command">
      <div class="commandHeader">
        <Icon name="terminal" />
        <code class="commandLine">{revealHidden(commandLine)}</code>
        <IconButton icon="copy" label={t('tool.copyCommand')} onClick={() => copyText(controller, commandLine)} />
        <ToolStatus call={call} />
      </div>
      {isLive && (
        <TerminalView
          bridge={controller.bridge}
          terminalId={terminalId}
          label={t('tool.terminalLabel')}
          rows={terminalRows}
          answersQueries={false}
          autoFocus={false}
          screenReaderMode={false}
        />
      )}
      {!isLive && output !== '' && <ClippedText text={output} keep="end" />}
      {hasRun && (
        <div class="commandFooter">
          <Outcome call={call} hasOutput={output !== ''} />
          {output !== '' && (
            <IconButton icon="copy" label={t('tool.copyOutput')} onClick={() => copyText(controller, output)} />
          )}
        </div>
      )}
    </div>
  );
}

/** Blank lines at the start, which many test runners print, say nothing and push what counts out of sight. */
function withoutBlankStart(text: string): string {
  return text.replace(/^(?:[ \t\r]*\n)+/, '');
}

function Outcome({ call, hasOutput }: { readonly call: ToolCallItem; readonly hasOutput: boolean }) {
  const { exitCode, signal } = readCommandOutcome(call.rawOutput);
  if (signal !== null) return <span class="outcome failed">{t('tool.signal', { signal })}</span>;
  if (exitCode === null) return <span class="outcome">{hasOutput ? '' : t('tool.noOutput')}</span>;
  return <span class={exitCode === 0 ? 'outcome' : 'outcome failed'}>{t('tool.exitCode', { code: exitCode })}</span>;
}
