/**
 * Options of Node for the server. It makes little that lives for long and passes much on, most of all a terminal's
 * output: with a young generation of 1 MiB what was passed on is freed in steps of under a millisecond, in place of
 * collections of tens of milliseconds during which every echo waits. See docs/decisions/0011-flow-control.md.
 */
export const serverFlags: readonly string[] = ['--max-semi-space-size=1'];
