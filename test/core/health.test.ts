// Which targets are served: who is left out by its requests or its checks, for how long, who never
// is, and how those that come back begin.

import fc from 'fast-check'
import t from 'tap'
import { OUT, WHOLE } from '../../src/core/choose.ts'
import {
  type HealthByTarget,
  type HealthRules,
  isOut,
  judgeTargets,
  sharesOf,
} from '../../src/core/health.ts'
import { type CheckState, foldCheck, UNCHECKED } from '../../src/core/health-check.ts'

const RULES: HealthRules = {
  failures: 5,
  ejectionMs: 30_000,
  longestEjectionMs: 300_000,
  ejectedShare: 0.5,
  slowStartMs: 10_000,
}
const CHECKS = { up: 2, down: 3 }

interface Counters {
  served: number
  streaks: number
}

/** Looks at the targets' counters and says who stands how. */
class Looker {
  known: HealthByTarget = {}
  rules = RULES
  readonly counters: Record<string, Counters> = {}
  readonly checks: Record<string, CheckState> = {}
  readonly unreached: Record<string, string> = {}
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

  check(target: string, good: boolean, times = 1): void {
    for (let i = 0; i < times; i++) {
      const state = this.checks[target] ?? UNCHECKED
      this.checks[target] = foldCheck(state, { good, reason: good ? '' : 'status 500' }, CHECKS)
    }
  }

  look(afterMs = 0): string {
    this.now += afterMs
    const readings = Object.entries(this.counters).map(([target, one]) => ({
      ...{ target, ...one },
      check: this.checks[target] ?? null,
      unreached: this.unreached[target] ?? '',
    }))
    const { now, rules } = this
    this.known = judgeTargets(this.known, { readings, now, rules })
    return Object.values(this.known)
      .map((health) => health.standing)
      .join(' ')
  }

  /** Shares of a fair share in thousandths, as the board holds them. */
  shares(afterMs = 0): readonly number[] {
    this.look(afterMs)
    return Object.values(sharesOf(this.known, this))
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
  const reading = { target: 'a', served: 900, streaks: 50, check: null, unreached: '' }
  const known = judgeTargets({}, { readings: [reading], now: 0, rules: RULES })
  t.equal(known.a?.standing, 'healthy')
})

await t.test('the rules are those of the service, and another reading of the file holds', (t) => {
  const looker = new Looker(['a', 'b', 'c', 'd'])
  looker.rules = { ...RULES, failures: 2, ejectionMs: 1000, longestEjectionMs: 1500 }
  for (const target of ['a', 'b', 'c', 'd']) looker.fail(target, 2)
  t.equal(looker.look(20), 'ejected ejected failing failing')
  looker.rules = { ...looker.rules, ejectedShare: 0.25 }
  t.equal(looker.look(20), 'ejected failing failing failing', 'one must come in again')
  looker.rules = { ...looker.rules, ejectedShare: 1 }
  t.equal(looker.look(20), 'ejected ejected ejected failing', 'never the last one')
  looker.rules = { ...looker.rules, ejectedShare: 0 }
  t.equal(looker.look(20), 'failing failing failing failing')
  t.end()
})

await t.test('a stale streak of another thread is no failure after the return', (t) => {
  const looker = new Looker(['a', 'b'])
  looker.fail('a', 5)
  looker.look(20)
  t.equal(looker.look(30_000), 'healthy healthy')
  // Its streak still stands in the cell of a thread that has not asked it since.
  const counters = looker.counters.a
  if (counters === undefined) throw new Error('a')
  for (let i = 0; i < 20; i++) {
    counters.served++
    t.equal(looker.look(20), 'healthy healthy')
  }
  t.end()
})

await t.test('the first check decides at once, a change of mind takes several', (t) => {
  const looker = new Looker(['a', 'b'])
  looker.check('a', false)
  t.equal(looker.look(20), 'checked-out healthy')
  t.equal(looker.known.a?.reason, 'a health check failed: status 500')
  looker.check('a', true)
  t.equal(looker.look(20), 'checked-out healthy')
  looker.check('a', false)
  looker.check('a', true)
  t.equal(looker.look(20), 'checked-out healthy', 'not two in a row')
  looker.check('a', true)
  t.equal(looker.look(20), 'healthy healthy')
  looker.check('a', false, 2)
  t.equal(looker.look(20), 'healthy healthy')
  looker.check('a', false)
  t.equal(looker.look(20), 'checked-out healthy')
  t.equal(looker.known.a?.reason, '3 health checks in a row failed: status 500')
  t.end()
})

await t.test('an ejected target returns when its time is over and its checks are good', (t) => {
  const looker = new Looker(['a', 'b'])
  looker.check('a', true)
  looker.fail('a', 5)
  t.equal(looker.look(20), 'ejected healthy')
  looker.check('a', false, 3)
  t.equal(looker.look(29_000), 'ejected healthy')
  t.equal(looker.look(2000), 'checked-out healthy', 'the time is over')
  looker.check('a', true, 2)
  t.equal(looker.look(20), 'healthy healthy')
  looker.fail('a', 5)
  looker.look(20)
  looker.check('a', true, 5)
  t.equal(looker.look(30_000), 'ejected healthy', 'good checks alone do not bring it back')
  t.equal(looker.look(30_000), 'healthy healthy')
  t.end()
})

await t.test('the last one stays whatever its checks say, and counts as failing', (t) => {
  const looker = new Looker(['a', 'b', 'c', 'd'])
  for (const target of ['a', 'b', 'c']) looker.check(target, false, 3)
  t.equal(looker.look(20), 'checked-out checked-out failing healthy')
  looker.fail('d', 5)
  t.equal(looker.look(20), 'checked-out checked-out failing failing')
  looker.check('a', true, 2)
  t.equal(looker.look(20), 'healthy checked-out checked-out failing', 'a place is free')
  const one = new Looker(['a'])
  one.check('a', false)
  t.equal(one.look(20), 'failing')
  one.check('a', true, 2)
  t.equal(one.look(20), 'healthy')
  t.end()
})

await t.test('a target that cannot be connected to fails but is not left out', (t) => {
  const looker = new Looker(['a', 'b'])
  looker.unreached.a = 'connection refused'
  t.equal(looker.look(20), 'failing healthy')
  t.equal(looker.known.a?.reason, 'it cannot be connected to: connection refused')
  looker.unreached.a = ''
  t.equal(looker.look(20), 'healthy healthy')
  t.end()
})

await t.test('what comes back begins with a tenth and has all after the slow start', (t) => {
  const looker = new Looker(['a', 'b'])
  t.same(looker.shares(), [WHOLE, WHOLE])
  looker.fail('a', 5)
  t.same(looker.shares(20), [OUT, WHOLE])
  t.same(looker.shares(30_000), [100, WHOLE])
  t.same(looker.shares(1000), [190, WHOLE])
  t.same(looker.shares(4000), [550, WHOLE])
  t.same(looker.shares(4000), [910, WHOLE])
  t.same(looker.shares(1000), [WHOLE, WHOLE])
  looker.rules = { ...RULES, slowStartMs: 0 }
  looker.fail('a', 5)
  looker.look(20)
  t.same(looker.shares(60_000), [WHOLE, WHOLE], 'all at once')
  t.end()
})

await t.test('shares are relative to the warmest: nobody waits for himself', (t) => {
  const looker = new Looker(['a', 'b', 'c'])
  looker.rules = { ...RULES, ejectedShare: 1 }
  looker.fail('a', 5)
  looker.look(20)
  looker.fail('b', 5)
  looker.look(5000)
  t.same(looker.shares(25_000), [100, OUT, WHOLE])
  looker.fail('c', 5)
  t.same(looker.shares(5000), [WHOLE, 182, OUT], 'a half and a tenth')
  t.end()
})

await t.test('a target that is added to a version begins slowly, the first ones do not', (t) => {
  const looker = new Looker(['a', 'b'])
  t.same(looker.shares(), [WHOLE, WHOLE])
  looker.counters.c = { served: 0, streaks: 0 }
  t.same(looker.shares(1000), [WHOLE, WHOLE, 100])
  delete looker.counters.a
  delete looker.counters.b
  t.same(looker.shares(1000), [WHOLE], 'when all are new there is nobody to spare them')
  t.end()
})

const TARGETS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const act = fc.record({
  target: fc.constantFrom(...TARGETS),
  what: fc.constantFrom('fail', 'succeed', 'good', 'bad', 'unreached', 'reached', 'leave', 'join'),
  afterMs: fc.constantFrom(0, 20, 1000, 31_000),
})

function play(looker: Looker, one: { target: string; what: string }): void {
  const { target, what } = one
  if (what === 'join') looker.counters[target] ??= { served: 0, streaks: 0 }
  if (!(target in looker.counters)) return
  if (what === 'fail') looker.fail(target, 5)
  if (what === 'succeed') looker.succeed(target)
  if (what === 'good' || what === 'bad') looker.check(target, what === 'good', 3)
  if (what === 'unreached') looker.unreached[target] = 'connection refused'
  if (what === 'reached') looker.unreached[target] = ''
  if (what === 'leave') delete looker.counters[target]
}

await t.test('whatever happens: one is in, no more than the share is out, one has all', (t) => {
  const share = fc.constantFrom(0, 0.1, 0.29, 0.5, 0.9, 1)
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), share, (acts, ejectedShare) => {
      const looker = new Looker(TARGETS.slice(0, 4))
      looker.rules = { ...RULES, ejectedShare }
      for (const one of acts) {
        play(looker, one)
        const before = looker.known
        const shares = looker.shares(one.afterMs)
        const all = Object.entries(looker.known)
        const out = all.filter(([, health]) => isOut(health)).length
        if (all.length > 0 && out >= all.length) return false
        if (out > all.length * ejectedShare + 1e-6) return false
        if (all.length > 0 && !shares.includes(WHOLE)) return false
        for (const [target, health] of all) {
          const was = before[target]
          if ((health.cause === null) !== (health.standing === 'healthy')) return false
          if ((health.reason === '') !== (health.standing === 'healthy')) return false
          // The end of an ejection never comes nearer, and is not passed by.
          if (was?.standing !== 'ejected') continue
          if (health.untilMs < was.untilMs) return false
          if (health.standing === 'healthy' && looker.now < was.untilMs) return false
        }
      }
      return true
    }),
    { numRuns: 2000, seed: 2026 },
  )
  t.end()
})

await t.test('ejections grow from time to time, up to the longest', (t) => {
  fc.assert(
    fc.property(fc.nat(400_000), fc.integer({ min: 1, max: 30 }), (restMs, times) => {
      const looker = new Looker(['a', 'b'])
      let last = 0
      for (let i = 0; i < times; i++) {
        looker.fail('a', 5)
        looker.look(0)
        const { untilMs = 0 } = looker.known.a ?? {}
        const span = untilMs - looker.now
        const expected = restMs > 300_000 ? 30_000 : Math.min(300_000, last + 30_000)
        if (span !== expected) return false
        last = span
        looker.look(span)
        looker.now += restMs
      }
      return true
    }),
    { numRuns: 300, seed: 2026 },
  )
  t.end()
})
