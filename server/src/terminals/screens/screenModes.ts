import { ScreenTerminal } from './screenTerminal.ts';

/** Final bytes that name a character set in the library. */
const designators = '0AB4C5RQKYE6ZH7=';
const groups = ['(', ')', '*', '+'];
const levels = ['', '\x0e', '\x1bn', '\x1bo'];
const mouseModes = { none: '', x10: '9', vt200: '1000', drag: '1002', any: '1003' } as const;
const mouseEncodings: Readonly<Record<string, string>> = { SGR: '1006', SGR_PIXELS: '1016' };
const cursorStyles: Readonly<Record<string, number>> = { block: 2, underline: 4, bar: 6 };

let knownCharsets: ReadonlyMap<object, string> | undefined;

/** What a program has set beyond what stands in cells, as sequences that leave the cursor where it is. */
export function modeSequences(screen: ScreenTerminal): string {
  const { terminal, internals } = screen;
  const { modes } = terminal;
  const { isCursorHidden, decPrivateModes } = internals.coreService;
  const set: string[] = [];
  if (modes.applicationCursorKeysMode) set.push('1');
  if (modes.applicationKeypadMode) set.push('66');
  if (modes.bracketedPasteMode) set.push('2004');
  if (modes.reverseWraparoundMode) set.push('45');
  if (modes.sendFocusMode) set.push('1004');
  if (modes.mouseTrackingMode !== 'none') set.push(mouseModes[modes.mouseTrackingMode]);
  const encoding = mouseEncodings[internals.coreMouseService.activeEncoding];
  if (encoding) set.push(encoding);
  if (decPrivateModes.synchronizedOutput) set.push('2026');
  const reset: string[] = [];
  if (!modes.wraparoundMode) reset.push('7');
  if (isCursorHidden) reset.push('25');
  if (screen.cursorBlink !== undefined) (screen.cursorBlink ? set : reset).push('12');
  return [
    ...[...screen.colors.values()].map((color) => `\x1b]${color}\x1b\\`),
    screen.title === '' ? '' : `\x1b]2;${screen.title}\x1b\\`,
    cursorStyle(decPrivateModes),
    charsets(screen),
    modes.insertMode ? '\x1b[4h' : '',
    terminal.options.convertEol ? '\x1b[20h' : '',
    set.length > 0 ? `\x1b[?${set.join(';')}h` : '',
    reset.length > 0 ? `\x1b[?${reset.join(';')}l` : '',
  ].join('');
}

/** The final byte that designates a character set; undefined for the usual one. */
export function charsetDesignator(charset: object | undefined): string | undefined {
  if (charset === undefined) return undefined;
  knownCharsets ??= findCharsets();
  return knownCharsets.get(charset);
}

function cursorStyle({ cursorStyle: style, cursorBlink }: { cursorStyle?: string; cursorBlink?: boolean }): string {
  const steady = style === undefined ? undefined : cursorStyles[style];
  return steady === undefined ? '' : `\x1b[${steady - (cursorBlink ? 1 : 0)} q`;
}

function charsets({ internals }: ScreenTerminal): string {
  const { glevel, _charsets } = internals._charsetService;
  const designated = groups.map((group, index) => {
    const designator = charsetDesignator(_charsets[index]);
    return designator === undefined ? '' : `\x1b${group}${designator}`;
  });
  return designated.join('') + (levels[glevel] ?? '');
}

/** The library keeps character sets without their names: asks a terminal for each. */
function findCharsets(): ReadonlyMap<object, string> {
  const found = new Map<object, string>();
  for (const designator of designators) {
    const probe = new ScreenTerminal({ cols: 2, rows: 1 }, 0);
    probe.internals.writeSync(`\x1b(${designator}`);
    const charset = probe.internals._charsetService._charsets[0];
    if (charset && !found.has(charset)) found.set(charset, designator);
    probe.dispose();
  }
  return found;
}
