// The few figures that measurements report: median and range, and the runs test that tells whether
// the order of picks looks random.

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
}

/** Adds a value to a named series, which is made when it is missing. */
export function add(series: Record<string, number[]>, name: string, value: number): void {
  const values = series[name] ?? []
  series[name] = values
  values.push(value)
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const lower = sorted[middle - 1] ?? upper
  return {
    median: sorted.length % 2 === 1 ? upper : (lower + upper) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    n: sorted.length,
  }
}

/** The ratio of two series, value by value: both values of a pair are of one round. */
export function paired(a: readonly number[] = [], b: readonly number[] = []): number[] {
  return a.map((value, at) => value / (b[at] ?? Number.NaN))
}

/**
 * The Wald–Wolfowitz runs test: how far the number of runs (stretches of equal picks) lies from
 * what independent draws would give, in standard deviations. |z| < 3.3 is passed by 99.9 % of
 * truly random orders; a smooth round robin has far too many runs (z large), sticky picks have too
 * few.
 */
export function runsTest(picks: readonly boolean[]): { runs: number; expected: number; z: number } {
  const n = picks.length
  const ones = picks.filter((pick) => pick).length
  const zeros = n - ones
  let runs = n === 0 ? 0 : 1
  for (let i = 1; i < n; i++) if (picks[i] !== picks[i - 1]) runs++
  const expected = 1 + (2 * ones * zeros) / n
  const variance = ((expected - 1) * (expected - 2)) / (n - 1)
  return { runs, expected, z: (runs - expected) / Math.sqrt(variance) }
}
