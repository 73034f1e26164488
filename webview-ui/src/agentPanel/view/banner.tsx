import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import { BannerActions } from './bannerActions.tsx';
import { usePanel } from './panelContext.ts';

/** Says what is the matter with the server while it is not simply there. The conversation stays below it. */
export function Banner() {
  const { bridge, state } = usePanel();
  const { state: serverState, message } = state.server.value;
  if (!state.hasContext.value) return null;
  if (serverState === 'starting' || serverState === 'restarting') {
    return (
      <div class="banner" role="status">
        <Icon name="loading" spin />
        <span>{serverState === 'starting' ? t('server.starting') : t('server.restarting')}</span>
      </div>
    );
  }
  if (serverState === 'degraded') {
    return (
      <div class="banner warning" role="status">
        <Icon name="warning" />
        <span>
          {message ?? t('server.degraded')}{' '}
          <button
            type="button"
            class="linkButton"
            onClick={() => bridge.act({ action: 'runCommand', command: 'showLog' })}
          >
            {t('server.showLog')}
          </button>
        </span>
      </div>
    );
  }
  if (serverState !== 'stopped') return null;
  return (
    <div class="banner error" role="alert">
      <Icon name="error" />
      <div class="bannerText">
        <div>{message ?? t('server.stopped')}</div>
        <BannerActions label={t('server.restart')} command="restartServer" />
      </div>
    </div>
  );
}
