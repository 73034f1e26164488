import { t } from '../../strings.ts';
import { usePanel } from './panelContext.ts';

/** The buttons of a banner: the one thing that helps most, and a look at the log. */
export function BannerActions({ label, command }: { label: string; command: 'restartServer' | 'restoreBackup' }) {
  const { bridge } = usePanel();
  return (
    <div class="buttonRow">
      <button type="button" class="button" onClick={() => bridge.act({ action: 'runCommand', command })}>
        {label}
      </button>
      <button
        type="button"
        class="button secondary"
        onClick={() => bridge.act({ action: 'runCommand', command: 'showLog' })}
      >
        {t('server.showLog')}
      </button>
    </div>
  );
}
