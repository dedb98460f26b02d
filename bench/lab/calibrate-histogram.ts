// Latency histograms for the rival rules: bins two percent apart. A request's bin is drawn from a
// table of the distribution, so that a million requests a second of the machine's time are cheap;
// in slow weather all bins shift by the same number, as they are logarithmic.

import type { Dice } from './calibrate-dice.ts'
import type { Latency } from './calibrate-latency.ts'

const LEAST_US = 500
const RATIO = 1.02
const GUIDES = 4096

export const BINS = Math.ceil(Math.log(60_000_000 / LEAST_US) / Math.log(RATIO))

function edgeUs(bin: number): number {
  return LEAST_US * RATIO ** bin
}

/** The middle of the bin in which the p99 of `requests` lies; NaN without any. Microseconds. */
export function p99Of(bins: Uint32Array, requests: number): number {
  if (requests === 0) return Number.NaN
  let above = Math.floor(requests * 0.01)
  for (let bin = BINS - 1; bin >= 0; bin--) {
    above -= bins[bin] ?? 0
    if (above < 0) return edgeUs(bin + 0.5)
  }
  return Number.NaN
}

export class Sampler {
  readonly #cumulative = new Float64Array(BINS)
  readonly #guide = new Uint16Array(GUIDES)

  constructor(latency: Latency) {
    for (let bin = 0; bin < BINS; bin++) this.#cumulative[bin] = 1 - latency.tail(edgeUs(bin + 1))
    this.#cumulative[BINS - 1] = 1
    for (let g = 0, bin = 0; g < GUIDES; g++) {
      while ((this.#cumulative[bin] ?? 1) < g / GUIDES) bin++
      this.#guide[g] = bin
    }
  }

  /** Adds `requests` latencies to the bins. */
  fill(bins: Uint32Array, requests: number, by: { dice: Dice; slowness: number }): void {
    const shift = Math.round(Math.log(by.slowness) / Math.log(RATIO))
    for (let left = requests; left > 0; left--) {
      const at = by.dice.next()
      let bin = this.#guide[Math.floor(at * GUIDES)] ?? 0
      while ((this.#cumulative[bin] ?? 1) < at) bin++
      bin = Math.min(BINS - 1, bin + shift)
      bins[bin] = (bins[bin] ?? 0) + 1
    }
  }
}
