import { formatBytes } from '../../scripts/project.ts';
import { percentile, summarize } from './statistics.ts';

/** One line of the report. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** Ours to the peer's, or empty where there is no peer. */
  readonly ratio: string;
  readonly target: string;
  /** Undefined where the row is for information. */
  readonly reached: boolean | undefined;
}

/** A rate where more is better: medians with smallest and largest value, in MB/s. `atLeast` is the ratio to reach. */
export function rateRow(what: string, ours: readonly number[], peer: readonly number[], atLeast?: number): Row {
  const ratio = percentile(ours, 50) / percentile(peer, 50);
  return {
    what,
    ours: rates(ours),
    peer: rates(peer),
    ratio: ratio.toFixed(2),
    target: atLeast === undefined ? '–' : `≥ ${atLeast} × peer`,
    reached: atLeast === undefined ? undefined : ratio >= atLeast,
  };
}

/** A time at one percentile. `atMost` bounds the ratio to the peer, `atMostMs` the time itself. */
export function timeRow(
  what: string,
  percent: 50 | 95 | 99,
  times: { readonly ours: readonly number[]; readonly peer?: readonly number[] },
  limits: { readonly atMost?: number; readonly atMostMs?: number } = {},
): Row {
  const ours = percentile(times.ours, percent);
  const peer = times.peer && percentile(times.peer, percent);
  const ratio = peer === undefined ? undefined : ours / peer;
  const { atMost, atMostMs } = limits;
  const isLimited = atMost !== undefined || atMostMs !== undefined;
  return {
    what: `${what}, p${percent}`,
    ours: milliseconds(ours),
    peer: peer === undefined ? '–' : milliseconds(peer),
    ratio: ratio?.toFixed(2) ?? '–',
    target: atMost !== undefined ? `≤ ${atMost} × peer` : atMostMs !== undefined ? `≤ ${atMostMs} ms` : '–',
    reached: isLimited ? (ratio ?? 0) <= (atMost ?? Infinity) && ours <= (atMostMs ?? Infinity) : undefined,
  };
}

/** Memory or another size with a bound of its own. */
export function sizeRow(what: string, bytes: number, atMost: number, note = ''): Row {
  const ours = `${formatBytes(bytes)}${note}`;
  return { what, ours, peer: '–', ratio: '–', target: `≤ ${formatBytes(atMost)}`, reached: bytes <= atMost };
}

export function rates(values: readonly number[]): string {
  const { median, min, max } = summarize(values);
  return `${median.toFixed(1)} MB/s (${min.toFixed(1)} to ${max.toFixed(1)})`;
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

/** The rows as a table of Markdown. */
export function toTable(rows: readonly Row[]): string[] {
  const mark = (reached: boolean | undefined): string => (reached === undefined ? '–' : reached ? 'yes' : '**no**');
  return [
    '| what | ours | peer | ratio | target | reached |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      ({ what, ours, peer, ratio, target, reached }) =>
        `| ${what} | ${ours} | ${peer} | ${ratio} | ${target} | ${mark(reached)} |`,
    ),
  ];
}

/** What one figure of a row is to reach: at most so many times the peer's, at most or at least so much by itself. */
export interface Target {
  readonly atMostRatio?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Figures of rounds in which both were measured in turn: medians with the smallest and the largest, and the median of the rounds' ratios. */
export function pairedRow(
  what: string,
  unit: string,
  { ours, bare }: { readonly ours: readonly number[]; readonly bare: readonly number[] },
  target: Target = {},
): Row {
  const ratio = percentile(
    ours.map((value, round) => value / (bare[round] ?? Number.NaN)),
    50,
  );
  const value = percentile(ours, 50);
  const { atMostRatio, atMost, atLeast } = target;
  const wanted = [
    ...(atMostRatio === undefined ? [] : [`≤ ${atMostRatio} × peer`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost} ${unit}`]),
    ...(atLeast === undefined ? [] : [`≥ ${atLeast} ${unit}`]),
  ];
  const isReached = ratio <= (atMostRatio ?? Infinity) && value <= (atMost ?? Infinity) && value >= (atLeast ?? 0);
  return {
    what,
    ours: spread(ours, unit),
    peer: spread(bare, unit),
    ratio: ratio.toFixed(2),
    target: wanted.length === 0 ? '–' : wanted.join(', '),
    reached: wanted.length === 0 ? undefined : isReached,
  };
}

function spread(values: readonly number[], unit: string): string {
  const { median, min, max } = summarize(values);
  return `${threeDigits(median)} ${unit} (${threeDigits(min)} to ${threeDigits(max)})`;
}

const threeDigits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
