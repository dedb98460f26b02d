// Passive ejection: who is left out, for how long, and who never is.

import t from 'tap'
import { judgeTargets, type TargetHealth } from '../../src/core/health.ts'

interface Counters {
  served: number
  streaks: number
}

/** Looks at the targets' counters and says who stands how. */
class Looker {
  known: Readonly<Record<string, TargetHealth>> = {}
  readonly counters: Record<string, Counters> = {}
  now = 0

  constructor(targets: readonly string[]) {
    for (const target of targets) this.counters[target] = { served: 100, streaks: 0 }
    this.look()
  }

  fail(target: string, times: number): void {
    const counters = this.counters[target]
    if (counters === undefined) throw new Error(target)
    counters.served += times
    counters.streaks += times
  }

  succeed(target: string): void {
    const counters = this.counters[target]
    if (counters === undefined) throw new Error(target)
    counters.served++
    counters.streaks = 0
  }

  look(afterMs = 0): string {
    this.now += afterMs
    const readings = Object.entries(this.counters).map(([target, one]) => ({ target, ...one }))
    this.known = judgeTargets(this.known, { readings, now: this.now })
    return Object.values(this.known)
      .map((health) => health.standing)
      .join(' ')
  }
}

await t.test(
  'five failures in a row eject, four do not, a success in between does not',
  async (t) => {
    const looker = new Looker(['a', 'b'])
    looker.fail('a', 4)
    t.equal(looker.look(20), 'healthy healthy')
    looker.succeed('a')
    t.equal(looker.look(20), 'healthy healthy')
    looker.fail('a', 3)
    t.equal(looker.look(20), 'healthy healthy')
    looker.fail('a', 2)
    t.equal(looker.look(20), 'ejected healthy')
  },
)

await t.test('streaks of different threads are not added up over successes', async (t) => {
  const looker = new Looker(['a', 'b'])
  for (let look = 0; look < 50; look++) {
    // Sixteen threads: one more failure stands at the end of some streak, among many successes.
    const counters = looker.counters.a
    if (counters === undefined) throw new Error('a')
    counters.served += 20
    counters.streaks = look % 7
    t.equal(looker.look(20), 'healthy healthy')
  }
})

await t.test('30 s the first time, longer each time, at most 300 s', async (t) => {
  const looker = new Looker(['a', 'b'])
  const spans: number[] = []
  for (let time = 0; time < 12; time++) {
    looker.fail('a', 5)
    looker.look(0)
    const until = looker.known.a?.untilMs ?? 0
    spans.push((until - looker.now) / 1000)
    t.equal(looker.look(until - looker.now), 'healthy healthy', 'it comes back')
    const counters = looker.counters.a
    if (counters !== undefined) counters.streaks = 0
  }
  t.same(spans.slice(0, 3), [30, 60, 90])
  t.equal(Math.max(...spans), 300)
})

await t.test('at most half of the targets are out, and never the last one', async (t) => {
  const four = new Looker(['a', 'b', 'c', 'd'])
  for (const target of ['a', 'b', 'c', 'd']) four.fail(target, 9)
  t.equal(four.look(20), 'ejected ejected failing failing')
  const one = new Looker(['a'])
  one.fail('a', 9)
  t.equal(one.look(20), 'failing')
  t.equal(one.look(30_000), 'healthy', 'it is not held against it for ever')
})

await t.test('a cell that belonged to another target before is no evidence', async (t) => {
  const known = judgeTargets({}, { readings: [{ target: 'a', served: 900, streaks: 50 }], now: 0 })
  t.equal(known.a?.standing, 'healthy')
})
