import type { Terminal } from '@xterm/xterm';
import type { Disposable } from '../bridge/disposable.ts';

/**
 * Programs ask a terminal what it is, where its cursor stands, which colours it has; xterm.js answers as if typed. An
 * answer to a question from the history, or a second viewer's answer, would land in the shell as garbage.
 */
export function muteQueries(terminal: Terminal, isMuted: () => boolean): readonly Disposable[] {
  const parser = terminal.parser;
  const asksForColor = (data: string): boolean => isMuted() && data.includes('?');
  return [
    parser.registerCsiHandler({ final: 'c' }, isMuted),
    parser.registerCsiHandler({ prefix: '>', final: 'c' }, isMuted),
    parser.registerCsiHandler({ prefix: '=', final: 'c' }, isMuted),
    parser.registerCsiHandler({ final: 'n' }, isMuted),
    parser.registerCsiHandler({ prefix: '?', final: 'n' }, isMuted),
    parser.registerCsiHandler({ prefix: '>', final: 'q' }, isMuted),
    parser.registerCsiHandler({ intermediates: '$', final: 'p' }, isMuted),
    parser.registerCsiHandler({ prefix: '?', intermediates: '$', final: 'p' }, isMuted),
    parser.registerDcsHandler({ intermediates: '$', final: 'q' }, isMuted),
    parser.registerOscHandler(4, asksForColor),
    parser.registerOscHandler(10, asksForColor),
    parser.registerOscHandler(11, asksForColor),
    parser.registerOscHandler(12, asksForColor),
    // The clipboard may be written by a program that runs now, and read by none.
    parser.registerOscHandler(52, (data) => isMuted() || data.endsWith('?')),
  ];
}
