/** Middle and spread of a series, in the unit of its values. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export function summarize(values: readonly number[]): Summary {
  return {
    median: percentile(values, 50),
    min: Math.min(...values),
    max: Math.max(...values),
    count: values.length,
  };
}

/** The value below which `percent` of the others lie, by the nearest-rank method. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error('Nothing was measured');
  return value;
}

/** Runs two measurements in turn, so that both see the same drift of the machine, after one uncounted run of each. */
export async function inTurn(
  rounds: number,
  ours: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<{ ours: number[]; bare: number[] }> {
  await ours();
  await bare();
  const result = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    result.ours.push(await ours());
    result.bare.push(await bare());
  }
  return result;
}
