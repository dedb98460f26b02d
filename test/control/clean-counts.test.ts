// Clean requests may wait for a few ticks; nothing else may, and nothing is lost or counted twice.

import fc from 'fast-check'
import t from 'tap'
import { type Arms, CleanCounts } from '../../src/control/clean-counts.ts'
import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import { plus } from '../../src/core/replay/line.ts'
import {
  ABSOLUTE_TIMES,
  betAbsolute,
  grant,
  meanAbsolute,
  noScores,
  type Scores,
} from '../../src/core/verdict/engine.ts'

const TICK_MS = 20
const THETA = 0.001
const SHOP = {}
const CART = {}

const armsOf = (candidate: Partial<ArmCounts>, stable: Partial<ArmCounts> = {}): Arms => ({
  candidate: { ...NO_COUNTS, ...candidate },
  stable: { ...NO_COUNTS, ...stable },
})

await t.test('clean requests wait for five ticks at most', async (t) => {
  const counts = new CleanCounts(TICK_MS)
  const handed: (number | null)[] = []
  for (let tick = 0; tick < 12; tick++) {
    const at = { now: tick * (TICK_MS + 1), isUrgent: false }
    handed.push(counts.add(SHOP, armsOf({ good: 1 }, { good: 9 }), at)?.candidate.good ?? null)
  }
  t.same(handed, [null, null, null, null, null, 6, null, null, null, null, 5, null])
})

await t.test('a failure takes along what waits, on either version', async (t) => {
  for (const bad of [armsOf({ bad: 1 }), armsOf({}, { exceeded: 1 }), armsOf({ userErrors: 1 })]) {
    const counts = new CleanCounts(TICK_MS)
    t.equal(counts.add(SHOP, armsOf({ good: 3 }), { now: 0, isUrgent: false }), null)
    const all = counts.add(SHOP, bad, { now: 1, isUrgent: false })
    t.match(all, { ...bad, candidate: { ...bad.candidate, good: 3 } })
    t.equal(counts.take(SHOP, 2), null, 'nothing is left')
  }
})

await t.test('what is decided now is decided by all that was counted', async (t) => {
  const counts = new CleanCounts(TICK_MS)
  counts.add(SHOP, armsOf({ good: 3 }), { now: 0, isUrgent: false })
  counts.add(CART, armsOf({ good: 4 }), { now: 0, isUrgent: false })
  t.match(counts.take(SHOP, 1), { candidate: { good: 3 } })
  t.equal(counts.take(SHOP, 1), null)
  t.match(counts.add(CART, undefined, { now: 1, isUrgent: true }), { candidate: { good: 4 } })
  t.equal(counts.take({}, 1), null)
})

await t.test('services take turns', async (t) => {
  const counts = new CleanCounts(TICK_MS)
  const at = (tick: number) => ({ now: tick * TICK_MS, isUrgent: false })
  const turns = [0, 0, 0, 0, 0, 0]
  const services = Array.from({ length: 100 }, () => ({}))
  for (let tick = 0; tick < 6; tick++) {
    for (const service of services) {
      const due = counts.add(service, armsOf({ good: 1 }), at(tick))
      if (due !== null) turns[tick] = (turns[tick] ?? 0) + 1
    }
  }
  t.same(turns.slice(1), [20, 20, 20, 20, 20], 'each tick has a fifth of them')
})

const tick = fc.record({
  good: fc.integer({ min: 0, max: 40 }),
  bad: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
  urgent: fc.boolean(),
})

function bet(scores: Scores, counted: ArmCounts, gamma: number): Scores {
  const { bad, good } = counted
  return betAbsolute(grant(scores, gamma), { bad, good, bound: THETA, cap: 1e12 })
}

await t.test('nothing is lost, and no e-value is larger than tick by tick', async (t) => {
  const gamma = 1e-4
  const property = fc.property(fc.array(tick, { maxLength: 60 }), (ticks) => {
    const counts = new CleanCounts(TICK_MS)
    let [all, handed] = [NO_COUNTS, NO_COUNTS]
    let [exact, gathered] = [noScores(ABSOLUTE_TIMES), noScores(ABSOLUTE_TIMES)]
    let ungranted = 0
    for (const [number, { bad, good, urgent }] of ticks.entries()) {
      const counted = { ...NO_COUNTS, good, bad }
      all = plus(all, counted)
      exact = bet(exact, counted, gamma)
      ungranted += gamma
      const at = { now: number * TICK_MS, isUrgent: urgent }
      const due = counts.add(SHOP, armsOf(counted), at)
      if (due === null) continue
      handed = plus(handed, due.candidate)
      gathered = bet(gathered, due.candidate, ungranted)
      ungranted = 0
      if (meanAbsolute(gathered, THETA) > meanAbsolute(exact, THETA) * (1 + 1e-12)) return false
    }
    const rest = counts.take(SHOP, ticks.length * TICK_MS)
    if (rest !== null) handed = plus(handed, rest.candidate)
    return JSON.stringify(handed) === JSON.stringify(all)
  })
  t.doesNotThrow(() => fc.assert(property))
})
