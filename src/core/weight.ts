// The share of a service's requests that its candidate gets, in hundredths of a percent: a whole
// number from 0 to 10,000. Whole numbers keep sums exact and fit one cell of the board. Percent
// appears only at the edges (config, API, CLI), through the two functions below.

/** Hundredths of a percent, 0 to 10,000. */
export type Weight = number

export const FULL_WEIGHT: Weight = 10_000

/**
 * Turns percent into a weight.
 *
 * @returns null when `percent` lies outside 0 to 100 or has more than two decimals
 */
export function weightFromPercent(percent: number): Weight | null {
  if (!(percent >= 0 && percent <= 100)) return null
  const weight = Math.round(percent * 100)
  return Math.abs(weight - percent * 100) < 1e-6 ? weight : null
}

/** Turns a weight into percent, e.g. 1250 into 12.5. */
export function percentFromWeight(weight: Weight): number {
  return weight / 100
}
