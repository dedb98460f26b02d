// Random numbers for the calibration: fast, seeded, and exact where it matters. The same seed
// replays the same rollouts on every machine. Counts of a tick are Poisson with few different
// means, so each mean gets a table of its distribution once; rare events among many requests are
// drawn by how many requests lie between two of them, which is exact and costs nothing while
// nothing happens.

const GUIDES = 256
/** Tables of means that vary all the time would fill the memory: then all are made anew. */
const TABLES_MAX = 4096
const NORMAL_ABOVE = 1e5

interface PoissonTable {
  readonly first: number
  readonly cumulative: Float64Array
  /** By the first bits of a uniform number: where to begin to look. */
  readonly guide: Uint16Array
}

const tables = new Map<number, PoissonTable>()

function poissonTable(mean: number): PoissonTable {
  const known = tables.get(mean)
  if (known !== undefined) return known
  if (tables.size >= TABLES_MAX) tables.clear()
  const reach = 9 * Math.sqrt(mean) + 12
  const first = Math.max(0, Math.floor(mean - reach))
  const size = Math.ceil(mean + reach) - first + 1
  // From the mode outwards, as e^−mean is 0 for large means; made to add up to 1 afterwards.
  const share = new Float64Array(size)
  const mode = Math.floor(mean) - first
  share[mode] = 1
  for (let i = mode + 1; i < size; i++) share[i] = ((share[i - 1] ?? 0) * mean) / (first + i)
  for (let i = mode - 1; i >= 0; i--) share[i] = ((share[i + 1] ?? 0) * (first + i + 1)) / mean
  const sum = share.reduce((all, one) => all + one, 0)
  const cumulative = new Float64Array(size)
  let reached = 0
  for (let i = 0; i < size; i++) {
    reached += (share[i] ?? 0) / sum
    cumulative[i] = reached
  }
  cumulative[size - 1] = 1
  const guide = new Uint16Array(GUIDES)
  for (let g = 0, i = 0; g < GUIDES; g++) {
    while ((cumulative[i] ?? 1) < g / GUIDES) i++
    guide[g] = i
  }
  const table = { first, cumulative, guide }
  tables.set(mean, table)
  return table
}

/** A generator of the sfc32 kind with the distributions that traffic needs. */
export class Dice {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9 | 0
    this.#c = 0x243f6a88 | 0
    for (let i = 0; i < 15; i++) this.next()
  }

  /** Uniform in (0, 1). */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return ((sum >>> 0) + 0.5) / 4_294_967_296
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  poisson(mean: number): number {
    if (!(mean > 0)) return 0
    if (mean > NORMAL_ABOVE) return Math.round(mean + Math.sqrt(mean) * this.normal())
    const { cumulative, first, guide } = poissonTable(mean)
    const at = this.next()
    let i = guide[Math.floor(at * GUIDES)] ?? 0
    while ((cumulative[i] ?? 1) < at) i++
    return first + i
  }

  /** Gamma with this shape, at least 1, and scale 1 (Marsaglia & Tsang 2000). */
  gamma(shape: number): number {
    const d = shape - 1 / 3
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = this.normal()
      const v = (1 + c * x) ** 3
      if (v > 0 && Math.log(this.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
    }
  }

  /** How many of `n` happen, each with probability `p`. */
  binomial(n: number, p: number): number {
    if (p > 0.5) return n - this.binomial(n, 1 - p)
    let hits = 0
    for (let left = n - 1 - this.gap(p); left >= 0; left -= 1 + this.gap(p)) hits++
    return hits
  }

  /** How many times in a row something with probability `p` does not happen. */
  gap(p: number): number {
    if (p >= 1) return 0
    return p > 0 ? Math.floor(Math.log(this.next()) / Math.log1p(-p)) : Number.POSITIVE_INFINITY
  }
}

/** Rare events in a stream of requests that comes in pieces. */
export class Rare {
  readonly #dice: Dice
  #p = -1
  #left = 0

  constructor(dice: Dice) {
    this.#dice = dice
  }

  /** How many of the next `n` requests are hit, each with probability `p`. */
  among(n: number, p: number): number {
    if (p !== this.#p) {
      // The past says nothing about the next hit, so a new probability begins anew.
      this.#p = p
      this.#left = this.#dice.gap(p)
    }
    let hits = 0
    let rest = n
    while (this.#left < rest) {
      hits++
      rest -= this.#left + 1
      this.#left = this.#dice.gap(p)
    }
    this.#left -= rest
    return hits
  }
}
