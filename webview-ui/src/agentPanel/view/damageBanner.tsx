import { Icon } from '../../components/icon.tsx';
import { IconButton } from '../../components/iconButton.tsx';
import { t } from '../../strings.ts';
import { BannerActions } from './bannerActions.tsx';
import { usePanel } from './panelContext.ts';

/** Conversations whose damage was dismissed and is remembered; those dismissed longest ago are told of again. */
const maxDismissed = 100;

/** Says that a part of the conversation could not be read, until the person has taken note of it. */
export function DamageBanner() {
  const { state } = usePanel();
  const conversation = state.conversation.value;
  const unreadable = conversation?.unreadable ?? null;
  if (conversation === null || unreadable === null) return null;
  const damage = `${conversation.sessionId} ${unreadable.mark}`;
  if (state.dismissedDamage.value.includes(damage)) return null;
  const dismiss = (): void => {
    state.dismissedDamage.value = [...state.dismissedDamage.value, damage].slice(-maxDismissed);
    state.focusRequests.value++;
  };
  const { places } = unreadable;
  return (
    <div class="banner warning" role="alert">
      <Icon name="warning" />
      <div class="bannerText">
        <div>{places === 1 ? t('damage.onePlace') : t('damage.places', { count: places })}</div>
        <BannerActions label={t('damage.restoreBackup')} command="restoreBackup" />
      </div>
      <IconButton icon="close" label={t('notice.dismiss')} onClick={dismiss} />
    </div>
  );
}
