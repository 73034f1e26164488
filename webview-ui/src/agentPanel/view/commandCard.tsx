import type { TerminalId } from '../../../../server/protocol/terminal.ts';
import { Icon } from '../../components/icon.tsx';
import { IconButton } from '../../components/iconButton.tsx';
import { plainTerminalText, revealHidden } from '../../markdown/visibleText.ts';
import { t } from '../../strings.ts';
import { TerminalView } from '../../terminal/terminalView.tsx';
import type { ToolCallItem } from '../state/conversationView.ts';
import { ClippedText } from './clippedText.tsx';
import { callState } from './callState.ts';
import { copyText, showTerminal, usePanel } from './panelContext.ts';
import {
  isInBackground,
  readCommandLine,
  readCommandOutcome,
  readPrompt,
  readTerminalId,
  wasInterrupted,
} from './readCommand.ts';
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
        <>
          <TerminalView
            bridge={controller.bridge}
            terminalId={terminalId}
            label={t('tool.terminalLabel')}
            rows={terminalRows}
            answersQueries={false}
            mayUseGpu={false}
            autoFocus={false}
            screenReaderMode={false}
          />
          <RunningFooter call={call} terminalId={terminalId} />
        </>
      )}
      {!isLive && output !== '' && isInBackground(call) && (
        <div class="outputCaption">
          {t(wasInterrupted(call) ? 'tool.outputUntilInterrupted' : 'tool.outputUntilBackground')}
        </div>
      )}
      {!isLive && output !== '' && <ClippedText text={output} keep="end" />}
      {isInBackground(call) && terminalId !== null && <RunningFooter call={call} terminalId={terminalId} />}
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

/** What a person can do about a command that runs, and whether it waits for them. */
function RunningFooter({ call, terminalId }: { readonly call: ToolCallItem; readonly terminalId: TerminalId }) {
  const controller = usePanel();
  const prompt = readPrompt(call);
  return (
    <div class="commandFooter">
      <span class="waitsForInput" role="status">
        {prompt !== null && (
          <>
            <Icon name="bell-dot" />
            <span title={revealHidden(prompt)}>{t('tool.waitsForInput')}</span>
          </>
        )}
      </span>
      <span class="commandActions">
        <button type="button" class="linkButton" onClick={() => showTerminal(controller, terminalId)}>
          {t('tool.showTerminal')}
        </button>
        {!isInBackground(call) && (
          <button
            type="button"
            class="linkButton"
            onClick={() => void controller.turns.continueInBackground(terminalId)}
          >
            {t('tool.continueInBackground')}
          </button>
        )}
      </span>
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
