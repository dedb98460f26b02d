// How far a change has come: by what the nodes say, in whatever order it is heard.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
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

await t.test('what who has decided says of the others counts as if they had said it', async (t) => {
  const play = new Play()
  play.says('c', nothingOf('c'))
  play.now += 5
  play.convergence.changed('shop', at(3))
  const others = { a: 1007, c: 1008 }
  const message = { message: 'applied', node: 'b', service: 'shop', position: at(3) } as const
  play.convergence.applied({ ...message, atMs: 1006, others })
  t.ok(play.convergence.lacks('c', 'shop'), 'that it has the service it says itself')
  t.strictSame(play.completed, [3])
  const applied = [
    { node: 'b', afterMs: 1 },
    { node: 'a', afterMs: 2 },
  ]
  t.strictSame(play.convergence.view('shop'), {
    service: 'shop',
    revision: 3,
    applied,
    waiting: [],
  })
})

await t.test('what one node says of another does not undo what is known of it', async (t) => {
  const play = new Play()
  play.says('b', at(3, { writer: 'c' }))
  const late = { message: 'applied', node: 'a', service: 'shop', position: at(2) } as const
  play.convergence.applied({ ...late, atMs: 1000, others: { b: 1000, c: 1000 } })
  play.convergence.changed('shop', at(3, { writer: 'c' }))
  t.strictSame(play.waiting(), ['a', 'c'])
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

await t.test('names that have come and gone leave room for others', (t) => {
  const play = new Play()
  for (let i = 0; i < 3000; i++) play.says(`pod-${i}`, at(1))
  play.others = ['new']
  play.convergence.changed('shop', at(1))
  play.says('a', at(1))
  play.says('new', at(1))
  t.ok(play.convergence.isDone('shop', 1))
  t.end()
})

/** Notes who is told what: `to b: shop 2`, or `to all: shop 2 with b since 5`. */
function speaker() {
  const said: string[] = []
  const noted: string[] = []
  const text = ({ others = {}, position, service }: Applied): string => {
    const since = Object.entries(others).map(([node, atMs]) => ` with ${node} since ${atMs}`)
    return `${service} ${position.epoch}${since.join('')}`
  }
  const sayings = new Sayings({
    ...{ node: 'a', wall: () => 7, has: (service) => service !== 'mail' },
    canTell: (node, service) => node !== 'gone' && service === 'shop',
    note: (one) => noted.push(text(one)),
    tell: (node, one) => said.push(`to ${node}: ${text(one)}`),
    say: (one) => said.push(`to all: ${text(one)}`),
  })
  const next = (): readonly string[] => said.splice(0)
  const all = async (): Promise<readonly string[]> => {
    const probe = (): true | null => (said.some((one) => one.startsWith('to all')) ? true : null)
    await until(probe, { what: 'all are told', withinMs: 10_000, everyMs: 1 })
    return next()
  }
  const hears = (node: string, position: Position, service = 'shop'): void =>
    sayings.heard({ message: 'applied', node, service, position, atMs: 5 })
  return { all, hears, next, noted, sayings }
}

await t.test('who has decided hears at once, and nobody else of it from here', async (t) => {
  const { all, next, noted, sayings } = speaker()
  sayings.serves('shop', at(1, { writer: 'b' }))
  t.strictSame(next(), [], 'what it found here was not decided just now')
  t.strictSame(await all(), ['to all: shop 1'])
  sayings.serves('shop', at(2, { writer: 'b' }))
  sayings.serves('shop', at(3, { writer: 'c' }))
  t.strictSame(next(), ['to b: shop 2', 'to c: shop 3'])
  sayings.serves('shop', at(4, { writer: 'gone' }))
  t.strictSame(await all(), ['to all: shop 4'], 'who has decided cannot tell the others')
  sayings.serves('shop', at(5, { writer: 'b' }))
  sayings.serves('shop', at(6, { writer: 'a' }))
  t.strictSame(next(), ['to b: shop 5'], 'what it has decided itself it knows')
  t.strictSame(await all(), ['to all: shop 6'])
  t.strictSame(noted, ['shop 1', 'shop 2', 'shop 3', 'shop 4', 'shop 5', 'shop 6'])
  sayings.close()
})

await t.test('who has decided tells all for everybody', async (t) => {
  const { all, hears, next, sayings } = speaker()
  const mine = (epoch: number): Position => at(epoch, { writer: 'a' })
  sayings.serves('shop', mine(1))
  hears('b', mine(1))
  hears('c', mine(1))
  t.strictSame(next(), [])
  sayings.complete('shop', mine(1))
  t.strictSame(next(), ['to all: shop 1 with b since 5 with c since 5'], 'at once when all have it')
  sayings.complete('shop', mine(1))
  t.strictSame(next(), [])
  hears('d', mine(1))
  t.strictSame(await all(), ['to all: shop 1 with d since 5'], 'what is new since then')

  hears('b', mine(2))
  sayings.complete('shop', mine(2))
  t.strictSame(next(), [], 'nobody says for it that it serves by it itself')
  sayings.serves('shop', mine(2))
  hears('c', mine(1))
  t.strictSame(await all(), ['to all: shop 2 with b since 5'], 'some a moment later')
  hears('c', mine(2))
  sayings.serves('shop', mine(3))
  t.strictSame(await all(), ['to all: shop 3'], 'of what is over nothing')
  hears('b', mine(5))
  hears('c', mine(4)) // late, as its way was longer
  sayings.serves('shop', mine(5))
  t.strictSame(await all(), ['to all: shop 5 with b since 5'], 'nor does it cost what is new')
  hears('b', mine(1), 'mail')
  sayings.serves('mail', mine(1))
  t.strictSame(await all(), ['to all: mail 1'], 'of a service that is not here nothing is kept')
  hears('b', at(3, { writer: 'b' }))
  hears('b', mine(3))
  sayings.lacks('shop')
  t.strictSame(next(), ['to all: shop 0'])
  sayings.close()
})

await t.test('each thing is said once, and again to who asks', async (t) => {
  const { all, next, sayings } = speaker()
  sayings.serves('shop', at(1))
  sayings.serves('shop', at(1))
  sayings.lacks('cart')
  sayings.lacks('cart')
  t.strictSame(next(), ['to all: cart 0'])
  t.strictSame(await all(), ['to all: shop 1'])
  for (const services of [['cart', 'shop', 'mail'], ['shop']]) sayings.repeat(services)
  t.strictSame(await all(), ['to all: cart 0', 'to all: shop 1'], 'to all that ask together')
  sayings.serves('cart', at(2))
  sayings.lacks('cart')
  t.strictSame(next(), ['to all: cart 2', 'to all: cart 0'])
  sayings.serves('cart', at(2))
  t.strictSame(next(), ['to all: cart 2'], 'nobody goes on believing that it lacks it')
  sayings.repeat(['shop', 'cart'])
  sayings.again()
  sayings.repeat(['cart'])
  sayings.serves('cart', at(2))
  t.strictSame(await all(), ['to all: cart 2'], 'of shop nothing before it is known anew')
  sayings.close()
})
