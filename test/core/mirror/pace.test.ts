// The share of requests that is copied: all while there is room, and spread evenly where a slow
// candidate leaves little. Played with ticks of 20 ms and 20 requests in each.

import t from 'tap'
import { Pace } from '../../../src/core/mirror/pace.ts'
import { Random } from '../../../src/core/scenario/random.ts'

const TICK_MS = 20
const BOUND = 64

/** How many requests were copied in each tick, to a candidate that takes so long for each. */
function copied(latencyMs: number, seconds: number): number[] {
  const random = new Random(5)
  const pace = new Pace()
  const ends: number[] = []
  return Array.from({ length: (seconds * 1000) / TICK_MS }, (_, tick) => {
    let copies = 0
    for (let request = 0; request < TICK_MS; request++) {
      const nowMs = tick * TICK_MS + request
      while ((ends[0] ?? Number.POSITIVE_INFINITY) <= nowMs) ends.shift()
      if (random.next() >= pace.share) continue
      if (ends.length >= BOUND) pace.lacked()
      else {
        ends.push(nowMs + latencyMs)
        copies++
      }
    }
    pace.tick(ends.length / BOUND)
    return copies
  })
}

const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0)

await t.test('all of it while there is room', (t) => {
  t.equal(sum(copied(40, 2)), 2000)
  t.end()
})

await t.test('a slow candidate gets most of what the bound allows, and no bursts', (t) => {
  const counts = copied(500, 30).slice(250) // the first five seconds it looks for the share
  const allowed = (BOUND / 0.5) * 25
  const share = sum(counts) / allowed
  t.ok(share > 0.6 && share <= 1, `${(100 * share).toFixed(0)} % of what is allowed`)
  const mean = sum(counts) / counts.length
  const worst = Math.max(...counts)
  t.ok(worst <= 5 * mean, `at most ${worst} in a tick, ${mean.toFixed(1)} in the mean`)
  t.end()
})

await t.test('one that has become fast gets all of it again within a second', (t) => {
  const pace = new Pace()
  for (let tick = 0; tick < 200; tick++) {
    pace.lacked()
    pace.tick(1)
  }
  t.equal(pace.share, 0.01, 'which never is nothing')
  let ticks = 0
  while (pace.share < 1) {
    pace.tick(0.1)
    ticks++
  }
  t.ok(ticks <= 50, `${ticks} ticks`)
  t.end()
})
