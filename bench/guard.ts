// Has a change made a request dearer? The CPU of a small GET through Vertex as a share of that
// through http-proxy must not be more than a tenth above the share in results/guard.json.
//
//   npm run bench:guard                20 rounds; fails when it is more than 10 % worse
//   npm run bench:guard -- --short     for CI, under 25 s; fails when it is more than 25 % worse
//   npm run bench:guard -- --store     keeps what it measures as the share to hold on to
//
// The short form has a wider bar. Its median is of few slices, on a machine whose caches and clock
// rate differ from those of the stored figure and whose neighbours come and go: the median then
// lies within about 10 % of the truth, and a guard that cries without cause is soon switched off. What it is
// for, an allocation, a copy or a timer too much on the path of each request, costs more than that.
// And it fails only when a second look, at other slices, says the same.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { endAll } from './lab/children.ts'
import { joinLoadCore, usualLoad } from './lab/cpu-round.ts'
import {
  type GuardFigure,
  measureGuarded,
  startGuarded,
  storedFigure,
  storeFigure,
} from './lab/guard.ts'
import { isInstalled } from './lab/rivals.ts'

const FULL = { rounds: 20, warmUpSeconds: 4, worseMax: 0.1, looks: 1 }
const SHORT = { rounds: 7, warmUpSeconds: 2, worseMax: 0.25, looks: 2 }
/** More than two looks of the short form. */
const LIMIT_MS = 120_000

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    store: { type: 'boolean', default: false },
  },
})
const plan = values.short ? SHORT : FULL

function say(figure: GuardFigure): void {
  const { ratio, vertexUs, httpProxyUs } = figure
  console.log(
    `guard: CPU a small GET ${ratio.median.toFixed(3)} of http-proxy's ` +
      `(${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)} in ${ratio.n} rounds, ` +
      `${vertexUs.median.toFixed(1)} and ${httpProxyUs.median.toFixed(1)} µs, ${usualLoad().by})`,
  )
}

/** Says how much worse it has become, and whether that is within the bar. */
function holds(figure: GuardFigure, stored: GuardFigure): boolean {
  const worse = figure.ratio.median / stored.ratio.median - 1
  const pass = worse <= plan.worseMax
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  console.log(
    `${pass ? 'PASS' : 'FAIL'}  at most ${percent(plan.worseMax)} above the stored ` +
      `${stored.ratio.median.toFixed(3)}: ${worse >= 0 ? '+' : ''}${percent(worse)}`,
  )
  return pass
}

async function guard(): Promise<boolean> {
  joinLoadCore()
  const rivals = await startGuarded()
  for (let look = 1; look <= plan.looks; look++) {
    const figure = await measureGuarded(rivals, plan)
    say(figure)
    if (values.store) {
      storeFigure(figure)
      return true
    }
    const stored = storedFigure()
    if (stored === null) {
      console.log(`SKIP  no figure is stored for ${usualLoad().by}: npm run bench:guard -- --store`)
      return true
    }
    if (holds(figure, stored)) return true
  }
  return false
}

if (availableParallelism() < 2 || !isInstalled('taskset')) {
  console.log('SKIP  guard: it needs two cores and taskset')
  process.exit(0)
}
const timer = setTimeout(() => {
  console.log(`FAIL  guard did not end within ${LIMIT_MS / 1000} s`)
  process.exit(1)
}, LIMIT_MS)
const passed = await guard()
clearTimeout(timer)
await endAll()
process.exit(passed ? 0 : 1)
