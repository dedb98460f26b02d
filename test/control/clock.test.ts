// The node's own time: deadlines of rollouts hang on it, so no jump of the wall clock moves it.

import fc from 'fast-check'
import t from 'tap'
import { Clock } from '../../src/control/clock.ts'

const DAY_MS = 24 * 3600 * 1000

await t.test('while the node runs, the wall clock may jump as it likes', async (t) => {
  const jumps = fc.array(
    fc.record({ wallMs: fc.integer({ min: -40 * DAY_MS, max: 40 * DAY_MS }), ms: fc.nat(10_000) }),
  )
  fc.assert(
    fc.property(jumps, (steps) => {
      let monotonic = 0
      let wall = 20_000 * DAY_MS
      const clock = new Clock({ monotonic: () => monotonic, wall: () => wall })
      const start = clock.now()
      return steps.every(({ wallMs, ms }) => {
        wall += wallMs
        monotonic += ms
        return clock.now() === start + monotonic
      })
    }),
  )
  t.pass()
})

await t.test(
  'at a start the time goes on from what was saved, at most a day further',
  async (t) => {
    const saved = 20_000 * DAY_MS
    const startedAt = (wallMs: number): number => {
      const clock = new Clock({ monotonic: () => 5, wall: () => wallMs })
      clock.continueFrom(saved)
      return clock.now() - saved
    }
    t.equal(startedAt(saved + 3000), 3000, 'as far as the wall clock says')
    t.equal(startedAt(saved + 400 * DAY_MS), DAY_MS, 'but no more than a day')
    t.equal(startedAt(saved - 1), 0, 'and never back')
    t.equal(startedAt(0), 0, 'also when the machine has forgotten the date')
  },
)
