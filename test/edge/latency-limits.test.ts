// Which of a slot's requests a latency limit holds for, as the limits and the tables change.

import t from 'tap'
import { createBoard } from '../../src/board/board.ts'
import { setLatencyLimitUs } from '../../src/board/tallies.ts'
import { LatencyLimits } from '../../src/edge/latency-limits.ts'

const SIZE = { threads: 1, services: 1, slots: 64, targets: 1, latencyStripes: 1 }
const table = (...slots: number[]): ReadonlyMap<number, string> =>
  new Map(slots.map((slot) => [slot, 'version']))

await t.test('a limit holds for what is sent while it is known', async (t) => {
  const board = createBoard(SIZE)
  const limits = new LatencyLimits(board)
  const slots = table(3)
  limits.look(slots, 10)
  t.equal(limits.isJudged(3), false)
  setLatencyLimitUs(board, 3, 500)
  limits.look(slots, 20)
  limits.look(slots, 30) // nothing was set since
  t.equal(limits.isOver(3, 501, 20, 40), true, 'sent when it was known')
  t.equal(limits.isOver(3, 501, 19, 40), false, 'sent before')
  t.equal(limits.isOver(3, 500, 20, 40), false, 'as fast as asked')
  setLatencyLimitUs(board, 3, 700)
  limits.look(slots, 50)
  t.equal(limits.isOver(3, 900, 49, 60), false, 'another limit holds from when it is known')
  t.equal(limits.isOver(3, 900, 50, 60), true)
})

await t.test(
  'the limits of a new table are known with it, though none was set since',
  async (t) => {
    const board = createBoard(SIZE)
    setLatencyLimitUs(board, 5, 500)
    const limits = new LatencyLimits(board)
    limits.look(table(3), 10)
    limits.look(table(3, 5), 20)
    t.equal(limits.isOver(5, 900, 21, 60), true)
    t.equal(limits.isOver(5, 900, 19, 60), false)
  },
)
