import type { Summary } from '../statistics.ts';

/** One line of the table: ours beside its bare peer, measured in turn in the same run. */
export interface Comparison {
  readonly what: string;
  readonly unit: 'ns' | 'µs' | 'ms' | 'MB';
  readonly ours: Summary;
  readonly bare: Summary;
  /** What the peer is. */
  readonly peer: string;
  /** The largest ratio that is aimed at; left out where none was set. */
  readonly targetRatio?: number;
  /** The largest value that is aimed at, in `unit`, where that is no ratio. */
  readonly targetMost?: number;
}

/** The lines of a Markdown table. */
export function renderTable(comparisons: readonly Comparison[]): string[] {
  return [
    '| what | ours | bare | peer | ratio | to reach |',
    '|---|---|---|---|---|---|',
    ...comparisons.map(({ what, unit, ours, bare, peer, targetRatio, targetMost }) => {
      const ratio = (ours.median / bare.median).toFixed(2);
      const most = targetMost === undefined ? '–' : `≤ ${targetMost} ${unit}`;
      const target = targetRatio === undefined ? most : `≤ ${targetRatio}`;
      return `| ${what} | ${spread(ours, unit)} | ${spread(bare, unit)} | ${peer} | ${ratio} | ${target} |`;
    }),
  ];
}

function spread({ median, min, max }: Summary, unit: string): string {
  return `${short(median)} ${unit} (${short(min)} to ${short(max)})`;
}

const short = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0));
