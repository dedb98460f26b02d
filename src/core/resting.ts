// How often control looks at services of which nothing is to be judged. A few are looked at as
// often as anybody could wish; of many the more rarely, so that all of it stays within a half
// percent of the time, whatever their number. What fails wakes control at once in any case.

/** So long may counts wait while nothing is judged and nothing fails, however few or many. */
const READ_AT_LEAST_MS = 100
const READ_AT_MOST_MS = 5000
/** A service in which nothing happens is looked at in one second of so many. */
export const RESTING_LOOKS = 16
const CALM_LOOKS_MOST = 32
/** What the counts of a version cost to be read, and a look at a service, by rough reckoning. */
const READ_MS = 0.004
const LOOK_MS = 0.015
const SHARE = 0.005
const SECOND_MS = 1000

/** After how many milliseconds counts are read again, if those of so many versions were now. */
export function readAgainMs(versions: number): number {
  const ms = (versions * READ_MS) / SHARE
  return Math.min(READ_AT_MOST_MS, Math.max(READ_AT_LEAST_MS, ms))
}

/** In one second of how many each of so many calm services with requests is looked at. */
export function looksAmong(services: number): number {
  const looks = Math.ceil((services * LOOK_MS) / (SECOND_MS * SHARE))
  return Math.min(CALM_LOOKS_MOST, Math.max(1, looks))
}
