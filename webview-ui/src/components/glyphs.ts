/** The glyphs of the codicon font that the views use, by the font's own names. */
export const glyphs = {
  add: 0xea60,
  'arrow-down': 0xea9a,
  'arrow-up': 0xeaa1,
  'bell-dot': 0xeb9a,
  'case-sensitive': 0xeab1,
  check: 0xeab2,
  'chevron-down': 0xeab4,
  'chevron-right': 0xeab6,
  'circle-slash': 0xeabd,
  close: 0xea76,
  copy: 0xebcc,
  'debug-stop': 0xead7,
  edit: 0xea73,
  error: 0xea87,
  file: 0xea7b,
  globe: 0xeb01,
  history: 0xea82,
  info: 0xea74,
  key: 0xeb11,
  lightbulb: 0xea61,
  loading: 0xeb19,
  lock: 0xea75,
  move: 0xeb22,
  question: 0xeb32,
  regex: 0xeb38,
  refresh: 0xeb37,
  search: 0xea6d,
  send: 0xec0f,
  'settings-gear': 0xeb51,
  shield: 0xeb53,
  sparkle: 0xec10,
  terminal: 0xea85,
  tools: 0xeb6d,
  trash: 0xea81,
  warning: 0xea6c,
  'whole-word': 0xeb7e,
} as const;

export type IconName = keyof typeof glyphs;

/** The character that shows an icon in the codicon font. */
export function glyphOf(name: IconName): string {
  return String.fromCodePoint(glyphs[name]);
}
