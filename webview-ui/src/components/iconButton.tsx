import type { Ref, TargetedMouseEvent } from 'preact';
import type { IconName } from './glyphs.ts';
import { Icon } from './icon.tsx';

export interface IconButtonProps {
  readonly icon: IconName;
  /** Says what the button does, to everybody: as its label and as its tooltip. */
  readonly label: string;
  readonly expanded?: boolean;
  /** For a button that stays on until it is pressed again. */
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly class?: string;
  readonly buttonRef?: Ref<HTMLButtonElement>;
  readonly onClick: (event: TargetedMouseEvent<HTMLButtonElement>) => void;
}

/** A button that shows only an icon. */
export function IconButton(props: IconButtonProps) {
  const { icon, label, expanded, pressed, disabled = false, buttonRef, onClick, ...rest } = props;
  return (
    <button
      type="button"
      class={`iconButton ${rest.class ?? ''}`}
      title={label}
      aria-label={label}
      disabled={disabled}
      onClick={onClick}
      {...(expanded === undefined ? {} : { 'aria-expanded': expanded, 'aria-haspopup': 'dialog' as const })}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
      {...(buttonRef === undefined ? {} : { ref: buttonRef })}
    >
      <Icon name={icon} />
    </button>
  );
}
