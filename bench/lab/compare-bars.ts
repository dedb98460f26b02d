// What the comparison must show: CPU against the other proxies, and latency at half load against
// nginx. The comparison of HAProxy with nginx is the check of the method itself: both are C, both
// are known to cost about the same, so where their paired ratios scatter, so do all others.

import { floorOf, type Measured } from './compare-measure.ts'
import type { Check } from './report.ts'

const ROUNDS_MIN = 20
const LATENCY_ROUNDS_MIN = 7
const P99_MORE_MAX_MS = 1

interface Bar {
  readonly scenario: string
  readonly to: string
  readonly most: number
}

/** The most that Vertex may cost as a multiple of another; per byte is per request here. */
const BARS: readonly Bar[] = [
  { scenario: 'small-get', to: 'nginx', most: 1.25 },
  { scenario: 'small-get', to: 'http-proxy', most: 1 / 6 },
  { scenario: 'small-get', to: '@fastify/reply-from', most: 1 / 4 },
  { scenario: 'small-get', to: 'caddy', most: 1 / 3.5 },
  { scenario: 'response-1m', to: 'haproxy', most: 1.25 },
  { scenario: 'response-1m', to: 'nginx', most: 1 },
  { scenario: 'response-16k', to: 'nginx', most: 1.25 },
]

/** The checks of a scenario; of fewer rounds than a bar is for, they do not pass. */
export function checksOf(scenario: string, measured: Measured): Check[] {
  const checks: Check[] = []
  for (const bar of BARS) {
    const ratio = measured.ratios[`vertex / ${bar.to}`]
    if (bar.scenario !== scenario || ratio === undefined) continue
    const few = ratio.n < ROUNDS_MIN ? ` (of fewer than ${ROUNDS_MIN} rounds)` : ''
    const floor = measured.ratios[floorOf(bar.to)]
    // Such a bar is out of reach of whoever reads and writes by the same calls.
    const isBelow = floor !== undefined && bar.most < floor.median
    const least = isBelow ? `; the kernel alone took ${floor.median.toFixed(3)} at least` : ''
    checks.push({
      what: `CPU a request is at most ${bar.most.toFixed(3)} of that of ${bar.to}`,
      value: `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)})${few}${least}`,
      pass: ratio.median <= bar.most && few === '',
    })
  }
  return [...checks, ...latencyChecks(scenario, measured), ...selfChecks(measured)]
}

function latencyChecks(scenario: string, { peers }: Measured): Check[] {
  const [own, other] = [peers.vertex?.p99Ms, peers.nginx?.p99Ms]
  if (scenario !== 'small-get' || own === undefined || other === undefined) return []
  const few = own.n < LATENCY_ROUNDS_MIN ? ` (of fewer than ${LATENCY_ROUNDS_MIN} rounds)` : ''
  return [
    {
      what: `p99 at half load is at most that of nginx and ${P99_MORE_MAX_MS} ms`,
      value: `${own.median.toFixed(2)} ms, nginx ${other.median.toFixed(2)} ms${few}`,
      pass: own.median <= other.median + P99_MORE_MAX_MS && few === '',
    },
  ]
}

const SELF_SCATTER_MAX = 0.15

/** Half of the paired ratios of HAProxy to nginx must lie close to their median. */
function selfChecks({ perRound }: Measured): Check[] {
  const sorted = perRound['haproxy / nginx']?.toSorted((a, b) => a - b)
  if (sorted === undefined || sorted.length < 4) return []
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  const [low, median, high] = [at(0.25), at(0.5), at(0.75)]
  const scatter = Math.max(high - median, median - low) / median
  return [
    {
      what: `self-check: half of the ratios of HAProxy to nginx lie within ${SELF_SCATTER_MAX * 100} %`,
      value: `${median.toFixed(2)}, the middle half from ${low.toFixed(2)} to ${high.toFixed(2)}`,
      pass: scatter <= SELF_SCATTER_MAX,
    },
  ]
}
