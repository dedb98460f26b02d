// What a row of the calibration is held against. A bar turns the rollouts of a row into one number
// and says what it may be at most or must be at least. Limits on probabilities allow three standard
// deviations of chance over the probability that is promised, so that a sound rule misses one of a
// thousand bars by bad luck; they are worked out from the number of rollouts before any is played.

import type { Played } from './calibrate-play.ts'

export interface Measured {
  readonly what: string
  readonly result: string
  readonly limit: string
  /** null: only published. */
  readonly pass: boolean | null
}

export type Bar = (played: readonly Played[]) => Measured

/** The middle one of the values; of an even number the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN
}

/** How many of `n` something with probability `p` may hit at most: mean and three deviations. */
export function chanceLimit(n: number, p: number): number {
  return Math.floor(n * p + 3 * Math.sqrt(n * p * (1 - p)) + 1e-9)
}

function percent(part: number, all: number): string {
  return `${Number(((100 * part) / all).toFixed(2))} %`
}

function tell(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(1))) : 'never'
}

function rolledBack(played: readonly Played[]): readonly Played[] {
  return played.filter(({ ending }) => ending === 'rolled-back')
}

function counted(
  what: string,
  hits: number,
  on: { of: number; limit: number | null; aim?: string },
): Measured {
  const { aim = 'published', limit, of } = on
  return {
    what,
    result: `${hits} of ${of} (${percent(hits, of)})`,
    limit: limit === null ? aim : `≤ ${limit}`,
    pass: limit === null ? null : hits <= limit,
  }
}

/**
 * At most as many rolled back as the probability `alpha` and chance allow; null: published.
 *
 * @param aim what is said in the place of a limit
 */
export function falseRollbacks(alpha: number | null, aim = 'published'): Bar {
  return (played) => {
    const limit = alpha === null ? null : chanceLimit(played.length, alpha)
    return counted('rolled back', rolledBack(played).length, { of: played.length, limit, aim })
  }
}

/** At most `share` of the rollouts rolled back, without an allowance for chance. */
export function rolledBackAtMost(share: number): Bar {
  return (played) => {
    const limit = Math.floor(share * played.length)
    return counted('rolled back', rolledBack(played).length, { of: played.length, limit })
  }
}

/** The median of all rollouts, those that were not rolled back counting as infinite. */
function medianToRollback(
  value: (one: Played) => number,
  on: { what: string; limit: number | null },
): Bar {
  return (played) => {
    const values = played.map((one) => (one.ending === 'rolled-back' ? value(one) : Infinity))
    const middle = median(values)
    const { limit, what } = on
    return {
      what,
      result: `${tell(middle)} (${percent(rolledBack(played).length, played.length)} rolled back)`,
      limit: limit === null ? 'published' : `≤ ${tell(limit)}`,
      pass: limit === null ? null : middle <= limit,
    }
  }
}

export function requestsToRollback(limit: number | null): Bar {
  const what = 'median requests of the candidate until it is rolled back'
  return medianToRollback(({ requests }) => requests, { what, limit })
}

export function errorsToRollback(limit: number | null): Bar {
  const what = "median of the candidate's errors since the bug until it is rolled back"
  return medianToRollback(({ errors }) => errors, { what, limit })
}

/** At least so many of the rollouts reach 100 %. */
export function reachesFull(share: number | null): Bar {
  return (played) => {
    const full = played.filter(({ fullMs }) => fullMs !== null).length
    return {
      what: 'reach 100 %',
      result: `${full} of ${played.length} (${percent(full, played.length)})`,
      limit: share === null ? 'published' : `≥ ${percent(share, 1)}`,
      pass: share === null ? null : full >= share * played.length,
    }
  }
}

/** The median time to 100 %, those that never reach it counting as infinite. */
export function timeToFull(limitS: number | null): Bar {
  return (played) => {
    const middle = median(played.map(({ fullMs }) => (fullMs ?? Infinity) / 1000))
    return {
      what: 'median seconds to 100 %',
      result: tell(middle),
      limit: limitS === null ? 'published' : `≤ ${limitS}`,
      pass: limitS === null ? null : middle <= limitS,
    }
  }
}

/** At most `share` of the rollouts end with the candidate as the new stable. */
export function promotedAtMost(share: number): Bar {
  return (played) => {
    const hits = played.filter(({ ending }) => ending === 'promoted').length
    const limit = Math.floor(share * played.length)
    return counted('promoted', hits, { of: played.length, limit })
  }
}

/** At most as many as `beta` and chance allow are raised above a weight, a fraction. */
export function advances(beta: number, above: number): Bar {
  return (played) => {
    const hits = played.filter((one) =>
      one.advances.some(({ weight }) => weight / 10_000 > above),
    ).length
    const what = `raised above ${percent(above, 1)}`
    return counted(what, hits, { of: played.length, limit: chanceLimit(played.length, beta) })
  }
}

/** P(sup E ≥ 1/a) ≤ a for the values of one test. */
export function calibrated(test: 'absolute' | 'relative' | 'errors' | 'tail', a: number): Bar {
  return (played) => {
    const hits = played.filter(({ suprema }) => suprema[test] >= 1 / a).length
    const limit = chanceLimit(played.length, a)
    return counted(`E (${test}) ever ≥ ${1 / a}`, hits, { of: played.length, limit })
  }
}

/** No raise that the oracle did not find proven. */
export function onlyProven(): Bar {
  return (played) => {
    const all = played.flatMap((one) => one.advances)
    const bad = all.filter(({ proven }) => !proven).length
    return {
      what: 'raises and promotions without proof',
      result: `${bad} of ${all.length}`,
      limit: '≤ 0',
      pass: bad === 0,
    }
  }
}
