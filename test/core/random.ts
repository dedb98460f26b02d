// Seeded random numbers for simulations: the same seed replays the same run on every machine.

export interface Random {
  /** Uniform in (0, 1). */
  next(): number
  /** Poisson with this mean. */
  poisson(mean: number): number
}

/** A generator of the mulberry32 kind. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4_294_967_296
  }
  const poisson = (mean: number): number => {
    if (mean > 30) {
      const half = Math.floor(mean / 2)
      return poisson(half) + poisson(mean - half)
    }
    const limit = Math.exp(-mean)
    let product = next()
    let times = 0
    while (product > limit) {
      product *= next()
      times++
    }
    return times
  }
  return { next, poisson }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((some, other) => some - other)
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN
}
