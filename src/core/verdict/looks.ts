// How many times worse than it may be a candidate looks, for people: the bet of a test that does
// best. A bet may stand for more than can be, such as five hundred times a tolerated 1 %; what is
// told goes no further than a share can. Nothing is decided by these numbers.

import { ABSOLUTE_TIMES, bestTimes, type Scores, shareOf } from './engine.ts'

/** Times that are told are rounded to two digits. */
function rounded(times: number): number {
  return Number(times.toPrecision(2))
}

/**
 * How many times the bound the candidate looks like; null while no bet has won anything.
 *
 * @param bound what it is held against, a fraction
 */
export function timesOfBound(scores: Scores, bound: number): number | null {
  const times = bestTimes(scores, ABSOLUTE_TIMES)
  const share = times === null ? null : shareOf(times, bound)
  // The bet itself is on a share that is a little less than all.
  return share === null ? null : rounded(share / bound)
}

/**
 * How many times as bad as stable it looks; null while no bet has won anything.
 *
 * @param seen the factors that are bet on, and stable's share of bad requests: more than all of the
 *   candidate's cannot be bad
 */
export function timesOfStable(
  scores: Scores,
  seen: { times: readonly number[]; bad: number; all: number },
): number | null {
  const times = bestTimes(scores, seen.times)
  if (times === null || seen.bad === 0) return times
  return Math.min(times, Math.max(1, rounded(seen.all / seen.bad)))
}
