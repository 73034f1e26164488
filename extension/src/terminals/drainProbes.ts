/** Between two probes. A terminal parses so much in a few milliseconds. */
const probeEveryChars = 262_144;
/** So much may be on its way to a terminal that answers; less than a tenth of what it would throw at. */
const maxUnansweredChars = 2_097_152;
/** Output with pauses of this length is no flood, and nothing is asked. */
const calmMs = 1_000;
/** Modes that no terminal knows and no program asks for: their numbers tell probes apart. */
const firstMode = 52_000;
const modes = 1_000;
// eslint-disable-next-line no-control-regex -- it is what a terminal answers.
const answer = /\x1b\[\?(52\d{3});[0-4]\$y/g;

let probes = 0;

/** What the answers to our probes in `input` are, and what is left without them: that, and only that, was typed. */
export function takeAnswers(input: string): { readonly typed: string; readonly answered: readonly number[] } {
  const answered = [...input.matchAll(answer)].map(([, mode]) => Number(mode));
  return { typed: answered.length === 0 ? input : input.replaceAll(answer, ''), answered };
}

/**
 * Learns how far VS Code's terminal has come with a flood. It asks the terminal for the state of a mode that does not exist (DECRQM),
 * which is answered, as if typed, when all before it has been parsed. Where output gives no place to ask at, or the
 * answers stay out altogether, nothing is known and nothing is held back.
 */
export class DrainProbes {
  private sinceProbe = 0;
  private unanswered = 0;
  private writtenAtMs = -Infinity;
  private readonly pending: { readonly mode: number; chars: number }[] = [];

  /** Whether the terminal has so much to do that it should get no more for now. */
  isFull(): boolean {
    return this.pending.length > 0 && this.unanswered > maxUnansweredChars;
  }

  /** `text` as it is to be written: with a question at `place` where it is time for one. */
  add(text: string, place: number | undefined, nowMs: number): string {
    if (nowMs - this.writtenAtMs > calmMs && this.pending.length === 0) this.sinceProbe = this.unanswered = 0;
    this.writtenAtMs = nowMs;
    this.sinceProbe += text.length;
    this.unanswered += text.length;
    if (place === undefined || this.sinceProbe < probeEveryChars) return text;
    const mode = firstMode + (probes++ % modes);
    this.pending.push({ mode, chars: this.sinceProbe });
    this.sinceProbe = 0;
    return `${text.slice(0, place)}\x1b[?${mode}$p${text.slice(place)}`;
  }

  /** The terminal has come to a probe, and so past those before it. */
  answered(mode: number): void {
    const index = this.pending.findIndex((probe) => probe.mode === mode);
    for (const { chars } of this.pending.splice(0, index + 1)) this.unanswered -= chars;
  }
}
