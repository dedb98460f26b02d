// How many copies are under way, and what an order has lost: shared by two threads, one of which
// hears of a new order later than the other.

import t from 'tap'
import {
  countDropped,
  createCredits,
  creditsOut,
  returnCredit,
  takeCredit,
  takeDropped,
} from '../../src/board/mirror-credits.ts'

await t.test('a budget is not passed, and what it costs is counted', async (t) => {
  const credits = createCredits(2)
  const by = { limit: 2, order: 1 }
  const taken = [1, 2, 3].map(() => takeCredit(credits, 1, by))
  t.strictSame(taken, [true, true, false])
  returnCredit(credits, 1)
  t.equal(creditsOut(credits, 1), 1)
  t.ok(takeCredit(credits, 1, by))
  t.equal(takeDropped(credits, 1, 1), 1)
  t.equal(takeDropped(credits, 1, 1), 0, 'each is told once')
  t.equal(creditsOut(credits, 0), 0, 'services have their own')
})

await t.test('what a new order loses is not the old one’s, and the other way round', async (t) => {
  const credits = createCredits(1)
  countDropped(credits, 0, 1)
  countDropped(credits, 0, 2)
  countDropped(credits, 0, 2)
  t.equal(takeDropped(credits, 0, 1), 0, 'who has not heard of the new order takes nothing of it')
  countDropped(credits, 0, 1) // begun before, given up behind
  t.equal(takeDropped(credits, 0, 2), 2)
})
