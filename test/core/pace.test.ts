// The pace of the evidence about latency: one pause of a process, however many requests it makes
// slow, is not enough to condemn a candidate; to stay slow is.

import fc from 'fast-check'
import t from 'tap'
import { NO_COUNTS } from '../../src/core/facts.ts'
import { meanScore } from '../../src/core/verdict/engine.ts'
import { GROWTH, keepPace, type Pace, PACE_MS } from '../../src/core/verdict/pace.ts'
import { Play, STRATEGY } from './rollout-play.ts'

await t.test('nothing is ever added, and no stretch grows beyond its factor', (t) => {
  const score = fc.double({ min: 0, max: 1e6, noNaN: true })
  const tick = fc.record({
    ms: fc.nat(300),
    scores: fc.array(score, { minLength: 3, maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 40 }), (ticks) => {
      let pace: Pace | null = null
      let scores: readonly number[] = [0.3, 0.3, 0.3]
      let elapsedMs = 0
      let began = 1
      let sinceMs = Number.NEGATIVE_INFINITY
      let first = true
      for (const { ms, scores: after } of ticks) {
        const before = scores
        elapsedMs += ms
        if (elapsedMs - sinceMs >= PACE_MS) {
          began = first ? 1 : meanScore(before)
          sinceMs = elapsedMs
        }
        first = false
        const kept = keepPace(pace, { elapsedMs, after })
        pace = kept.pace
        scores = kept.scores
        if (scores.some((value, j) => value > (after[j] ?? 0))) throw new Error('added')
        if (meanScore(scores) > GROWTH * Math.max(1, began) * 1.000001) throw new Error('too fast')
      }
    }),
  )
  t.end()
})

/** A rollout at 25 %, warm, with healthy latency until now. */
function running(): Play {
  const steps = [
    { weight: 2500, observeMs: 1e9 },
    { weight: 10_000, observeMs: 0 },
  ]
  const play = new Play({ ...STRATEGY, steps, warmUpMs: 0 })
  pass(play, { forMs: 60_000, slow: 0 })
  return play
}

/** 400 requests a second; `slow` of the candidate's hundred a second pass their limit. */
function pass(play: Play, life: { forMs: number; slow: number }): void {
  for (let ms = 0; ms < life.forMs && !play.isOver; ms += 20) {
    play.now += 20
    const stableSlow = (play.now / 20) % 17 === 0 ? 1 : 0
    const candidate = { ...NO_COUNTS, good: 2, exceeded: life.slow }
    play.tick(candidate, { ...NO_COUNTS, good: 6, exceeded: stableSlow })
  }
}

await t.test('a pause of 400 ms condemns nobody, one that does not end does within 2 s', (t) => {
  const paused = running()
  pass(paused, { forMs: 400, slow: 2 })
  pass(paused, { forMs: 60_000, slow: 0 })
  t.notOk(paused.isOver, 'forty slow requests in a row, one cause')
  const hanging = running()
  pass(hanging, { forMs: 2000, slow: 2 })
  t.equal(hanging.ending, 'rolled-back')
  t.end()
})
