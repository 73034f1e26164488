/** What an attack came to. `not judged`: it could not be made, so that nothing is known. */
export type Verdict = 'held' | 'let through' | 'not judged' | 'reported';

/** One row of the report. */
export interface Finding {
  readonly group: string;
  /** What was tried. */
  readonly attack: string;
  readonly expected: string;
  readonly found: string;
  readonly verdict: Verdict;
}

/** Something that is tried. `run` gives what happened, in the words of `expected` where it is what had to happen. */
export interface Attack {
  readonly attack: string;
  readonly expected: string;
  readonly run: () => Promise<string>;
}

/** A step that never ends must not keep the report from being written. */
const attackLimitMs = 60_000;

/** The rows in the order in which they came. */
export class Findings {
  readonly all: Finding[] = [];

  /** Makes the attacks of a group one after the other. */
  async attackWith(group: string, attacks: readonly Attack[]): Promise<void> {
    for (const attack of attacks) this.add(await judge(group, attack));
  }

  /** Makes them at once, for those that mostly wait. */
  async attackAtOnce(group: string, attacks: readonly Attack[]): Promise<void> {
    for (const finding of await Promise.all(attacks.map((attack) => judge(group, attack)))) this.add(finding);
  }

  /** Something that is told and not judged. */
  report(group: string, attack: string, found: string): void {
    this.add({ group, attack, expected: '–', found, verdict: 'reported' });
  }

  private add(finding: Finding): void {
    this.all.push(finding);
    if (!isHarmless(finding)) console.log(describeFinding(finding));
  }
}

/** Makes an attack and says what it came to. One that fails in an unexpected way is not judged, which is no success. */
export async function judge(group: string, { attack, expected, run }: Attack): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${attackLimitMs / 1_000} s`)), attackLimitMs);
  });
  try {
    const found = await Promise.race([run(), limit]);
    return { group, attack, expected, found, verdict: found === expected ? 'held' : 'let through' };
  } catch (error) {
    const found = `could not be tried: ${error instanceof Error ? error.message : String(error)}`;
    return { group, attack, expected, found, verdict: 'not judged' };
  } finally {
    clearTimeout(timer);
  }
}

/** The exit code that the findings come to: 1 where something was let through, could not be judged, or nothing was tried. */
export function exitCodeOf(findings: readonly Finding[]): number {
  return findings.some(({ verdict }) => verdict === 'held') && findings.every(isHarmless) ? 0 : 1;
}

/** One line for who waits for the audit. */
export function describeFinding({ group, attack, expected, found, verdict }: Finding): string {
  return `✖ ${verdict}: ${group}: ${attack}: ${found} (had to be: ${expected})`;
}

function isHarmless({ verdict }: Finding): boolean {
  return verdict === 'held' || verdict === 'reported';
}

/** What several tries came to, as one text: the one thing that all came to, or each by its name. */
export function together(results: Readonly<Record<string, string>>): string {
  const [first = 'nothing was tried', ...others] = new Set(Object.values(results));
  if (others.length === 0) return first;
  return Object.entries(results)
    .map(([name, result]) => `${name}: ${result}`)
    .join('; ');
}
