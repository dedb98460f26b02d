// How far a change has come: by what the nodes say, in whatever order it is heard.

import t from 'tap'
import { Convergence, nothingOf } from '../../src/control/fleet/convergence.ts'
import { Sayings } from '../../src/control/fleet/sayings.ts'
import type { Applied } from '../../src/core/fleet/message.ts'
import type { Position } from '../../src/core/fleet/position.ts'

function at(epoch: number, { term = 1, writer = 'a' } = {}): Position {
  return { term, epoch, writer }
}

/** The node `a` and the others that there are. */
class Play {
  others: readonly string[] = ['b', 'c']
  now = 1000
  readonly completed: number[] = []
  readonly convergence: Convergence

  constructor() {
    this.convergence = new Convergence({
      node: 'a',
      others: () => this.others,
      wall: () => this.now,
      monotonic: () => this.now,
      onComplete: (_service, { epoch }) => this.completed.push(epoch),
    })
  }

  says(node: string, position: Position, service = 'shop'): void {
    const message = { message: 'applied', node, service, position, atMs: this.now } as const
    this.convergence.applied(message)
  }

  waiting(): readonly string[] | undefined {
    return this.convergence.view('shop')?.waiting
  }
}

await t.test('a change is complete when all live nodes have said so', async (t) => {
  const play = new Play()
  t.equal(play.convergence.view('shop'), null)
  play.says('b', at(3)) // before this node knows of it
  play.now += 5
  play.convergence.changed('shop', at(3))
  t.strictSame(play.waiting(), ['a', 'c'])
  play.now += 5
  play.says('a', at(3))
  play.says('c', at(2))
  t.strictSame(play.waiting(), ['c'], 'of another revision')
  t.strictSame(play.completed, [])
  play.now += 5
  play.says('c', at(3))
  play.says('c', at(3))
  t.strictSame(play.completed, [3], 'once')
  t.strictSame(play.convergence.view('shop'), {
    service: 'shop',
    revision: 3,
    applied: [
      { node: 'b', afterMs: 0 },
      { node: 'a', afterMs: 5 },
      { node: 'c', afterMs: 10 },
    ],
    waiting: [],
  })
  play.convergence.changed('shop', at(2))
  t.equal(play.convergence.view('shop')?.revision, 3, 'an earlier one is no news')
  play.convergence.changed('shop', at(1, { term: 2 }))
  t.equal(play.convergence.view('shop')?.revision, 1, 'unless Redis has lost the later')
  await play.convergence.settled('cart', 1000)
})

await t.test('who does not have the service, or is gone, is not waited for', async (t) => {
  const play = new Play()
  play.convergence.changed('shop', at(1))
  play.says('a', at(1))
  play.says('b', nothingOf('b'))
  t.ok(play.convergence.lacks('b', 'shop'))
  t.strictSame(play.waiting(), ['c'])
  const settled = play.convergence.settled('shop', 5000)
  play.says('c', at(1))
  await settled
  play.says('b', at(1))
  t.notOk(play.convergence.lacks('b', 'shop'))

  play.convergence.changed('shop', at(2))
  play.says('a', at(2))
  play.says('b', at(2))
  play.others = ['b']
  t.strictSame(play.waiting(), [])
})

await t.test('a node that says nothing is waited for in vain for a while only', async (t) => {
  const play = new Play()
  play.convergence.changed('shop', at(1))
  play.says('a', at(1))
  play.says('b', at(1))
  const began = performance.now()
  await play.convergence.settled('shop', 20)
  t.ok(performance.now() - began >= 19)
  t.notOk(play.convergence.isDone('shop', 1))
  t.strictSame([...play.convergence.unheard(10)], [], 'not in the first second')
  play.now += 1000
  t.strictSame([...play.convergence.unheard(10)], [['c', ['shop']]])
  play.now += 4000
  t.ok(play.convergence.isDone('shop', 1))
  t.notOk(play.convergence.isDone('shop', 2), 'a revision that the ledger does not hold')
  t.ok(play.convergence.isDone('cart', 1), 'nothing is known of it')
})

await t.test('each thing is said once, and again to who asks', (t) => {
  const said: Applied[] = []
  const sayings = new Sayings({ node: 'a', wall: () => 7, say: (one) => said.push(one) })
  const texts = (): readonly string[] =>
    said.splice(0).map(({ position, service }) => `${service} ${position.epoch}`)
  sayings.serves('shop', at(1))
  sayings.serves('shop', at(1))
  sayings.lacks('cart')
  sayings.lacks('cart')
  t.strictSame(texts(), ['shop 1', 'cart 0'])
  sayings.repeat(['cart', 'shop', 'mail'])
  t.strictSame(texts(), ['cart 0', 'shop 1'])
  sayings.serves('cart', at(2))
  sayings.lacks('cart')
  sayings.serves('cart', at(2))
  t.strictSame(texts(), ['cart 2', 'cart 0', 'cart 2'])
  sayings.again()
  sayings.serves('cart', at(2))
  t.strictSame(texts(), ['cart 2'])
  t.end()
})
