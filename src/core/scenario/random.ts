// Seeded random numbers for scenarios: the same seed plays the same run on every machine.

/** Above it a Poisson number is as good as a rounded normal one, and far cheaper. */
const LARGE_MEAN = 300

export class Random {
  #state: number

  /** @param seed any whole number */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Uniform in (0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4_294_967_296
  }

  /** Mean 0, variance 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  poisson(mean: number): number {
    if (!(mean > 0)) return 0
    if (mean > LARGE_MEAN) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()))
    if (mean > 30) {
      const half = Math.floor(mean / 2)
      return this.poisson(half) + this.poisson(mean - half)
    }
    const limit = Math.exp(-mean)
    let product = this.next()
    let times = 0
    while (product > limit) {
      product *= this.next()
      times++
    }
    return times
  }

  /** The time until the `shape`-th event, when one comes each unit of time on average. */
  gamma(shape: number): number {
    if (shape > LARGE_MEAN) return Math.max(1e-9, shape + Math.sqrt(shape) * this.normal())
    let sum = 0
    for (let i = 0; i < shape; i++) sum -= Math.log(this.next())
    return sum
  }
}
