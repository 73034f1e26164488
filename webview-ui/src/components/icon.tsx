import { glyphOf, type IconName } from './glyphs.ts';

/** A codicon. It says nothing to a screen reader: what it stands next to, or its button's label, does. */
export function Icon({ name, spin = false }: { readonly name: IconName; readonly spin?: boolean }) {
  return (
    <span class={spin ? 'icon iconSpin' : 'icon'} aria-hidden="true">
      {glyphOf(name)}
    </span>
  );
}
