import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../strings.ts';
import type { EarlierMessages } from '../state/earlierMessages.ts';

/**
 * Stands above the first entry while there are earlier ones: shows them, says that they are being loaded, or why they
 * could not be. It stays the same button all the while, so that whoever uses the keyboard keeps their place.
 */
export function EarlierButton({
  earlier,
  onClick,
  focusAfter,
}: {
  readonly earlier: EarlierMessages | null;
  readonly onClick: () => void;
  /** Gets the keyboard when the last earlier entry is there and the button goes. */
  readonly focusAfter: RefObject<HTMLElement | null>;
}) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const element = button.current;
    const next = focusAfter.current;
    return () => {
      if (element !== null && document.activeElement === element) next?.focus({ preventScroll: true });
    };
  }, [focusAfter]);
  const isLoading = earlier?.isLoading === true;
  const error = earlier?.error ?? null;
  useLayoutEffect(() => {
    // Whoever pressed it by key may be reading further down.
    const element = button.current;
    if (error !== null && document.activeElement === element)
      element?.parentElement?.scrollIntoView({ block: 'nearest' });
  }, [error]);
  return (
    <div class="earlier">
      {error !== null && (
        <div class="earlierError" role="alert">
          <Icon name="error" />
          <span>{t('conversation.earlierFailed', { reason: error })}</span>
        </div>
      )}
      <button
        ref={button}
        type="button"
        class={error === null ? 'linkButton showEarlier' : 'button secondary'}
        aria-disabled={isLoading}
        onClick={() => {
          if (!isLoading) onClick();
        }}
      >
        {isLoading && <Icon name="loading" spin />}
        {isLoading
          ? t('conversation.loadingEarlier')
          : error === null
            ? t('conversation.showEarlier')
            : t('conversation.retryEarlier')}
      </button>
    </div>
  );
}
