// One error of an affinity bucket counts in a window, whichever thread it comes to.

import fc from 'fast-check'
import t from 'tap'
import { createBoard } from '../../src/board/board.ts'
import { type BucketMark, clearBuckets, markBucket } from '../../src/board/buckets.ts'
import { makeBoard, startCrew, turn } from './start-crew.ts'

const SIZE = { threads: 2, services: 3, slots: 4, targets: 1, latencyStripes: 1 }

await t.test('a mark is the first of its service, event and bucket', async (t) => {
  const mark = fc.record<BucketMark>({
    service: fc.nat(2),
    event: fc.constantFrom('error', 'exceedance'),
    bucket: fc.oneof(fc.nat(9999), fc.constantFrom(0, 31, 32, 9999)),
  })
  const acts = fc.array(fc.oneof({ weight: 20, arbitrary: mark }, fc.constant('clear' as const)))
  fc.assert(
    fc.property(acts, (steps) => {
      const board = createBoard(SIZE)
      const seen = new Set<string>()
      for (const step of steps) {
        if (step === 'clear') {
          clearBuckets(board)
          seen.clear()
          continue
        }
        const { bucket, event, service } = step
        const key = `${service} ${event} ${bucket}`
        if (markBucket(board, step) === seen.has(key)) throw new Error(key)
        seen.add(key)
      }
      clearBuckets(board)
      if (board.cells.some((cell) => cell !== 0)) throw new Error('something is left')
    }),
  )
  t.pass('for 100 random histories')
})

await t.test('of two threads that see an error of a bucket only one counts it', async (t) => {
  const board = makeBoard()
  const crew = await startCrew(board, { do: 'buckets', buckets: 10_000, rounds: 30 })
  const firsts = await crew.finish()
  const sum = firsts.reduce((total, [first = 0]) => total + first, 0)
  t.equal(sum, 10_000, `of them ${firsts.join(' and ')}`)
})

await t.test('a window that begins while threads count loses no bit for ever', async (t) => {
  const board = makeBoard()
  const crew = await startCrew(board, { do: 'buckets', buckets: 64, rounds: 20_000 })
  let windows = 0
  for (; crew.working; windows++) {
    clearBuckets(board)
    await turn()
  }
  const firsts = await crew.finish()
  const sum = firsts.reduce((total, [first = 0]) => total + first, 0)
  t.ok(sum <= 64 * (windows + 1), `${sum} in ${windows} windows`)
  t.ok(sum > 64, 'and a new window lets them count again')
  clearBuckets(board)
  const { bucketsAt, slotsAt } = board.layout
  t.ok(board.cells.slice(bucketsAt, slotsAt).every((cell) => cell === 0))
})
