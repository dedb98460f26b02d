// The rolling minute of a version: what an operator sees as requests, error rate and percentiles,
// and where the latency test takes its limit from. It is kept in slices of one second; a slice
// holds the outcomes and the non-empty cells of an HDR histogram (2 significant digits, 1 µs to 60
// s). The cells of all slices are summed as they come and go, and poured into one histogram of
// hdr-histogram-js when somebody asks. It decides nothing and knows no clock: each call says which
// time it is.

import type { TailFigures, WindowFigures } from './facts.ts'
import { emptyHistogram } from './histogram.ts'
import { blameOf, isJudged, OUTCOMES } from './outcome.ts'

export const WINDOW_MS = 60_000
const SLICE_MS = 1000
const SLICES = WINDOW_MS / SLICE_MS
const HIGHEST_US = 60_000_000
/** The rate is that of so many full seconds. */
const RATE_SLICES = 10

// One histogram serves all calls: none of them keeps it, and a new one would be 10 KB a call.
const scratch = emptyHistogram({ highest: HIGHEST_US, digits: 2 })

/** The largest latency in microseconds that a histogram cannot tell from this one. */
export function bucketEdgeUs(us: number): number {
  scratch.reset()
  scratch.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.floor(us))))
  return scratch.getValueAtPercentile(100)
}

interface Slice {
  /** The number of the second it holds; −1 while it is unused. */
  second: number
  readonly outcomes: number[]
  good: number
  bad: number
  rescued: number
  /** Counts by the smallest latency of a histogram's cell. */
  readonly latency: Map<number, number>
  /** Its latencies are in the sum of the minute. */
  isSummed: boolean
}

export interface WindowStats {
  readonly requests: number
  readonly errors: number
  /** Errors as a share of the requests that the version itself answered or failed. */
  readonly errorRate: number
  /** Milliseconds; null without measured requests. */
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  /** Requests a second. */
  readonly rate: number
  readonly rescued: number
}

interface Counts {
  /** In the order of OUTCOMES. */
  readonly outcomes: readonly number[]
  /** Those that are evidence: not the excluded ones, nor overrides. */
  readonly evidenceGood: number
  readonly evidenceBad: number
  readonly rescued: number
}

export class Window {
  readonly #slices: Slice[] = []
  /** The latencies of all slices that are marked so. */
  readonly #sum = new Map<number, number>()
  #firstSecond: number | null = null

  constructor() {
    for (let i = 0; i < SLICES; i++) {
      const outcomes = OUTCOMES.map(() => 0)
      const counts = { second: -1, outcomes, good: 0, bad: 0, rescued: 0 }
      this.#slices.push({ ...counts, latency: new Map(), isSummed: true })
    }
  }

  /** Another window that has seen the same, and goes on by itself. */
  copy(): Window {
    const copy = new Window()
    copy.#firstSecond = this.#firstSecond
    for (const [i, slice] of this.#slices.entries()) {
      const { latency, outcomes, ...counts } = slice
      copy.#slices[i] = { ...counts, outcomes: [...outcomes], latency: new Map(latency) }
    }
    for (const [us, times] of this.#sum) copy.#sum.set(us, times)
    return copy
  }

  addCounts(counts: Counts, nowMs: number): void {
    const slice = this.#sliceAt(nowMs)
    const { outcomes } = counts
    for (let i = 0; i < outcomes.length; i++) {
      const times = outcomes[i] ?? 0
      if (times > 0) slice.outcomes[i] = (slice.outcomes[i] ?? 0) + times
    }
    slice.good += counts.evidenceGood
    slice.bad += counts.evidenceBad
    slice.rescued += counts.rescued
  }

  /** Adds `latency.times` requests that took `latency.us` microseconds. */
  addLatency(latency: { us: number; times: number }, nowMs: number): void {
    const { us, times } = latency
    const slice = this.#sliceAt(nowMs)
    add(slice.latency, us, times)
    if (slice.isSummed) add(this.#sum, us, times)
  }

  /** What the version did in the last minute. */
  stats(nowMs: number): WindowStats {
    const slices = this.#last(WINDOW_MS, nowMs)
    const counts = sumOutcomes(slices)
    const measured = pour([this.#sumOf(nowMs)])
    const percentile = (p: number): number | null =>
      measured === 0 ? null : scratch.getValueAtPercentile(p) / 1000
    return {
      requests: counts.requests,
      errors: counts.errors,
      errorRate: counts.judged === 0 ? 0 : counts.errors / counts.judged,
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      rate: this.rate(nowMs),
      rescued: slices.reduce((sum, slice) => sum + slice.rescued, 0),
    }
  }

  /** What is evidence of the last `lastMs` (at most a minute), without its p99. */
  counted(lastMs: number, nowMs: number): WindowFigures {
    const slices = this.#last(lastMs, nowMs)
    const errors = slices.reduce((sum, slice) => sum + slice.bad, 0)
    const requests = slices.reduce((sum, slice) => sum + slice.good, errors)
    return { requests, errors, p99Us: null }
  }

  /** The same with its p99, which costs a hundred times as much; for mode `threshold`. */
  figures(lastMs: number, nowMs: number): WindowFigures {
    const measured = pour(this.#last(lastMs, nowMs).map(({ latency }) => latency))
    const p99Us = measured === 0 ? null : scratch.getValueAtPercentile(99)
    return { ...this.counted(lastMs, nowMs), p99Us }
  }

  /** The tail of the last minute, or null when nothing was measured. */
  tail(nowMs: number): TailFigures | null {
    const sum = this.#sumOf(nowMs)
    const requests = pour([sum])
    if (requests === 0) return null
    const p99Us = scratch.getValueAtPercentile(99)
    // The tenth largest has the rank n − 9; half a rank off keeps rounding from choosing another.
    const rank = Math.max(1, requests - 9)
    const tenthUs = scratch.getValueAtPercentile((100 * (rank - 0.5)) / requests)
    return {
      requests,
      p99Us,
      overP99: countOver(sum, p99Us),
      tenthUs,
      overTenth: countOver(sum, tenthUs),
    }
  }

  #sliceAt(nowMs: number): Slice {
    const second = Math.floor(nowMs / SLICE_MS)
    this.#firstSecond ??= second
    const slice = this.#slices[second % SLICES]
    if (slice === undefined) throw new Error(`no slice for second ${second}`)
    if (slice.second !== second) {
      this.#letGo(slice)
      slice.second = second
      slice.isSummed = true
      slice.outcomes.fill(0)
      slice.good = 0
      slice.bad = 0
      slice.rescued = 0
      slice.latency.clear()
    }
    return slice
  }

  /** The latencies of the minute until now. */
  #sumOf(nowMs: number): ReadonlyMap<number, number> {
    const from = Math.floor(nowMs / SLICE_MS) - SLICES
    for (const slice of this.#slices) if (slice.second <= from) this.#letGo(slice)
    return this.#sum
  }

  /** The slice's second is over a minute ago. */
  #letGo(slice: Slice): void {
    if (!slice.isSummed) return
    slice.isSummed = false
    for (const [us, times] of slice.latency) add(this.#sum, us, -times)
  }

  #last(lastMs: number, nowMs: number): Slice[] {
    const now = Math.floor(nowMs / SLICE_MS)
    const from = now - Math.min(SLICES, Math.max(1, Math.ceil(lastMs / SLICE_MS)))
    return this.#slices.filter((slice) => slice.second > from && slice.second <= now)
  }

  /** Requests a second over the last full seconds. */
  rate(nowMs: number): number {
    const now = Math.floor(nowMs / SLICE_MS)
    const seconds = Math.min(RATE_SLICES, now - (this.#firstSecond ?? now))
    if (seconds <= 0) return 0
    const full = this.#slices.filter((slice) => slice.second >= now - seconds && slice.second < now)
    return sumOutcomes(full).requests / seconds
  }
}

function sumOutcomes(slices: readonly Slice[]): {
  requests: number
  judged: number
  errors: number
} {
  let requests = 0
  let judged = 0
  let errors = 0
  OUTCOMES.forEach((outcome, i) => {
    let times = 0
    for (const slice of slices) times += slice.outcomes[i] ?? 0
    requests += times
    if (isJudged(outcome)) judged += times
    if (blameOf(outcome) === 'version') errors += times
  })
  return { requests, judged, errors }
}

function add(counts: Map<number, number>, us: number, times: number): void {
  const sum = (counts.get(us) ?? 0) + times
  if (sum === 0) counts.delete(us)
  else counts.set(us, sum)
}

/** Fills the scratch histogram; returns how many values it holds. */
function pour(latencies: readonly ReadonlyMap<number, number>[]): number {
  scratch.reset()
  for (const latency of latencies) {
    for (const [us, times] of latency) scratch.recordValueWithCount(us, times)
  }
  return scratch.totalCount
}

function countOver(latency: ReadonlyMap<number, number>, limitUs: number): number {
  let over = 0
  for (const [us, times] of latency) if (us > limitUs) over += times
  return over
}
