// When transactions become due: in order, at the rate that was asked for, and before that at one
// that grows evenly. Properties over seeded timings.

import t from 'tap'
import { Schedule } from '../../../src/core/transaction/schedule.ts'
import { Random } from '../../../src/core/scenario/random.ts'

await t.test('without a warm-up all count, from the beginning, at a constant rate', (t) => {
  const schedule = new Schedule({ rate: 50, durationMs: 2000, warmUpMs: 0 })
  t.same([schedule.warmUps, schedule.total, schedule.isWarmUp(0)], [0, 100, false])
  t.same(
    [0, 1, 99].map((number) => schedule.dueMs(number)),
    [0, 20, 1980],
  )
  t.end()
})

await t.test('a warm-up grows evenly up to the rate', (t) => {
  const schedule = new Schedule({ rate: 100, durationMs: 1000, warmUpMs: 2000 })
  t.same([schedule.warmUps, schedule.total], [100, 200])
  t.equal(schedule.dueMs(100), 2000, 'the first that counts')
  const until = (ms: number) => {
    return Array.from({ length: 100 }, (_, number) => schedule.dueMs(number)).filter(
      (due) => due < ms,
    ).length
  }
  t.same([until(500), until(1000), until(2000)], [7, 25, 100], 'half the time, a quarter of them')
  t.end()
})

await t.test('of any timing each is due after the one before, and none too late', (t) => {
  const random = new Random(7)
  for (let run = 0; run < 200; run++) {
    const rate = 0.01 * 10 ** (6 * random.next())
    const timing = { rate, durationMs: 100 + 2000 * random.next(), warmUpMs: 2000 * random.next() }
    const schedule = new Schedule(timing)
    const numbers = Math.min(schedule.total, 20_000)
    let before = -1
    for (let number = 0; number < numbers; number++) {
      const due = schedule.dueMs(number)
      if (due <= before) t.fail(`number ${number} of ${JSON.stringify(timing)} is due at ${due}`)
      before = due
    }
    const last = schedule.dueMs(schedule.total - 1)
    const endMs = timing.warmUpMs + timing.durationMs
    if (last >= endMs) t.fail(`the last of ${JSON.stringify(timing)} is due at ${last}`)
    if (!schedule.isWarmUp(schedule.warmUps - 1) || schedule.isWarmUp(schedule.warmUps)) {
      t.fail(`${JSON.stringify(timing)} has no border`)
    }
  }
  t.pass('200 timings')
  t.end()
})
