import type { Bridge } from '../bridge/bridge.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../strings.ts';
import { TerminalView } from '../terminal/terminalView.tsx';
import type { TerminalPanelState } from './terminalPanelState.ts';

export interface TerminalPanelProps {
  readonly bridge: Bridge;
  readonly state: TerminalPanelState;
}

/** One terminal that fills the view, with a line above it only while something is the matter. */
export function TerminalPanel({ bridge, state }: TerminalPanelProps) {
  const context = state.context.value;
  if (context === null) return <div class="terminalMessage">{t('terminal.loading')}</div>;
  if (context.terminalId === undefined) return <div class="terminalMessage">{t('terminal.none')}</div>;
  const name = state.terminal.value?.name ?? '';
  return (
    <main class="terminalPanel" aria-label={name === '' ? t('terminal.label') : name}>
      <ServerLine bridge={bridge} state={state} />
      <TerminalView
        bridge={bridge}
        terminalId={context.terminalId}
        label={name === '' ? t('terminal.label') : `${t('terminal.label')}: ${name}`}
        rows="fill"
        answersQueries={context.answersQueries ?? true}
        mayUseGpu={context.mayUseGpu ?? false}
        autoFocus
        screenReaderMode={document.body.classList.contains('vscode-using-screen-reader')}
        onTerminal={(terminal) => {
          state.terminal.value = terminal;
        }}
      />
    </main>
  );
}

function ServerLine({ bridge, state }: TerminalPanelProps) {
  const serverState = state.context.value?.serverState;
  if (serverState === 'starting' || serverState === 'restarting') {
    return (
      <div class="banner" role="status">
        <Icon name="loading" spin />
        <span>{t(serverState === 'starting' ? 'server.starting' : 'server.restarting')}</span>
      </div>
    );
  }
  if (serverState !== 'stopped') return null;
  return (
    <div class="banner error" role="alert">
      <Icon name="error" />
      <span class="bannerText">{state.context.value?.serverMessage ?? t('server.stopped')}</span>
      <button
        type="button"
        class="button"
        onClick={() => bridge.act({ action: 'runCommand', command: 'restartServer' })}
      >
        {t('server.restart')}
      </button>
    </div>
  );
}
