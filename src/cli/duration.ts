// Durations on the command line: `500ms`, `30s`, `10m`, `1h`, or a plain number of seconds.

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  '': 1000,
  m: 60_000,
  h: 3_600_000,
}
/** The longest time that a timer can hold, about 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** Milliseconds, or null when it is not a duration above 0. */
export function readDuration(text: string): number | null {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim()) ?? []
  const ms = Number(digits) * (UNITS_MS[unit] ?? Number.NaN)
  return ms > 0 && ms <= LONGEST_MS ? ms : null
}
