// Random numbers that a seed repeats, for measurements whose course must be the same for all that
// are compared in them.

export type Random = () => number

/** Mulberry32: uniform from 0 to below 1. Good enough to choose times, for nothing secret. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
