// What the figures of a synthetic run come to: whether each assertion holds, whether the version
// can process requests at all, and the sentences that say so. Nothing measured is no pass. Without
// an assertion about errors, none is tolerated.

import type { Assertion, AssertionResult, LatencySummary } from './synthetic.ts'

/** A run asks for so much more than the throughput that it has to prove. */
const HEADROOM = 1.05

export interface RunFigures {
  readonly transactions: number
  readonly failed: number
  readonly errorRate: number
  readonly throughput: number
  readonly latency: LatencySummary | null
  /** Most frequent first. */
  readonly failures: readonly { readonly text: string; readonly count: number }[]
}

/** Four digits, and more where fewer would make a value look like the bound that it misses. */
function rounded(value: number, bound: number): string {
  for (let digits = 4; digits < 17; digits++) {
    const short = Number(value.toPrecision(digits))
    if (short !== bound || value === bound) return String(short)
  }
  return String(value)
}

function percent(fraction: number, bound: number): string {
  return `${rounded(fraction * 100, bound * 100)} %`
}

/** One assertion against what was measured. */
export function judge(assertion: Assertion, figures: RunFigures): AssertionResult {
  if (assertion.metric === 'throughput') {
    const { metric, min: bound } = assertion
    const value = figures.throughput
    const text = `throughput is ${rounded(value, bound)} requests a second, at least ${bound} is asked`
    return { metric, bound, value, passed: value >= bound, text }
  }
  const { metric, threshold: bound } = assertion
  if (metric === 'error_rate') {
    const value = figures.errorRate
    const text = `error_rate is ${percent(value, bound)}, at most ${Number((bound * 100).toPrecision(12))} % is asked`
    return { metric, bound, value, passed: value <= bound, text }
  }
  const value = figures.latency?.p99 ?? null
  if (value === null) {
    const text = `p99_latency is not known as nothing was answered, at most ${bound} ms is asked`
    return { metric, bound, value, passed: false, text }
  }
  const text = `p99_latency is ${rounded(value, bound)} ms, at most ${bound} ms is asked`
  return { metric, bound, value, passed: value <= bound, text }
}

/** How many kinds of failure a verdict names. */
const NAMED = 3

/** Sentences for what is not as it must be; empty when the version is healthy. */
export function complaints(
  figures: RunFigures,
  results: readonly AssertionResult[],
): readonly string[] {
  const { failed, failures, transactions } = figures
  const missed = results.filter(({ passed }) => !passed).map(({ text }) => text)
  const isTolerated = results.some(({ metric, passed }) => metric === 'error_rate' && passed)
  // Failures explain a missed assertion also where they alone would have been tolerated.
  const counts = failed > 0 && (missed.length > 0 || !isTolerated || failed === transactions)
  if (!counts) return missed
  const reasons = failures
    .slice(0, NAMED)
    .map(({ count, text }) => `${text} (${count === 1 ? 'once' : `${count} times`})`)
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
  return [...missed, `${failed} of ${transactions} transactions failed${why}`]
}

/** Transactions a second that let each throughput be proven: never fewer than `rate`. */
export function provingRate(
  rate: number,
  { assertions, steps }: { assertions: readonly Assertion[]; steps: number },
): number {
  const asked = assertions.map((one) => (one.metric === 'throughput' ? one.min : 0))
  const most = Math.max(0, ...asked)
  return rate * steps >= most * HEADROOM ? rate : (most * HEADROOM) / steps
}
