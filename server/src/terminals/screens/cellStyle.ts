import type { CellAttributes } from './screenTerminal.ts';

/** How the library packs attributes: the kind of a colour and its value, flags beside the foreground and the background. */
const colorKind = { mask: 0x3000000, palette16: 0x1000000, palette256: 0x2000000, rgb: 0x3000000 } as const;
const foregroundFlags = [
  { bit: 0x8000000, sgr: 1 },
  { bit: 0x20000000, sgr: 5 },
  { bit: 0x4000000, sgr: 7 },
  { bit: 0x40000000, sgr: 8 },
  { bit: 0x80000000, sgr: 9 },
] as const;
const underlineBit = 0x10000000;
const backgroundFlags = [
  { bit: 0x8000000, sgr: 2 },
  { bit: 0x4000000, sgr: 3 },
  { bit: 0x40000000, sgr: 53 },
] as const;
const protectedBit = 0x20000000;
const colorMask = 0x3ffffff;
const hasFlag = (value: number, bit: number): boolean => (value & bit) !== 0;

/** As if nothing had been set. */
export const plainAttributes: CellAttributes = { fg: 0, bg: 0, extended: { _ext: 0, urlId: 0 } };

/** Whether two look the same, their links not counted. */
export function isSameStyle(one: CellAttributes, other: CellAttributes): boolean {
  return styleKey(one) === styleKey(other);
}

/** Only the background: all that an erased cell has. */
export function backgroundOf({ bg }: CellAttributes): CellAttributes {
  return { ...plainAttributes, bg: bg & colorMask };
}

export function hasBackground({ bg }: CellAttributes): boolean {
  return hasFlag(bg, colorKind.mask);
}

/** Whether a cell without a character shows more than its background. */
export function showsOnBlank({ fg, bg }: CellAttributes): boolean {
  const isInverse = hasFlag(fg, 0x4000000);
  return isInverse || hasFlag(fg, underlineBit) || hasFlag(fg, 0x80000000) || hasFlag(bg, 0x40000000);
}

/** The sequences that set exactly these attributes, whatever was set before; links are left alone. */
export function styleSequence({ fg, bg, extended }: CellAttributes): string {
  const sgr: (string | number)[] = [0];
  for (const { bit, sgr: code } of foregroundFlags) if (hasFlag(fg, bit)) sgr.push(code);
  for (const { bit, sgr: code } of backgroundFlags) if (hasFlag(bg, bit)) sgr.push(code);
  if (hasFlag(fg, underlineBit)) sgr.push(`4:${(extended._ext >>> 26) & 7 || 1}`);
  sgr.push(...colorParams(fg, 30), ...colorParams(bg, 40));
  const underline = extended._ext;
  if (hasFlag(underline, colorKind.mask)) sgr.push(underlineColor(underline));
  const protection = hasFlag(bg, protectedBit) ? '\x1b[1"q' : '';
  return `\x1b[${sgr.length === 1 ? '' : sgr.join(';')}m${protection}`;
}

/** `base` is 30 for the foreground and 40 for the background. */
function colorParams(value: number, base: 30 | 40): number[] {
  const index = value & 0xff;
  switch (value & colorKind.mask) {
    case colorKind.palette16:
      return [index < 8 ? base + index : base + 60 + index - 8];
    case colorKind.palette256:
      return [base + 8, 5, index];
    case colorKind.rgb:
      return [base + 8, 2, (value >>> 16) & 0xff, (value >>> 8) & 0xff, index];
    default:
      return [];
  }
}

function underlineColor(value: number): string {
  if ((value & colorKind.mask) !== colorKind.rgb) return `58:5:${value & 0xff}`;
  return `58:2::${(value >>> 16) & 0xff}:${(value >>> 8) & 0xff}:${value & 0xff}`;
}

function styleKey({ fg, bg, extended }: CellAttributes): string {
  // The bit that says whether there are extended attributes follows from them.
  return `${fg} ${bg & ~0x10000000} ${extended._ext}`;
}
