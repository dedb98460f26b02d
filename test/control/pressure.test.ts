// What an operator, a late failure, a fault of ours and a slow disk can do at the same moment.

import t from 'tap'
import { raiseClaim, releaseClaim } from '../../src/board/tallies.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until } from './node.ts'

async function withNode(play: (node: TestNode) => Promise<void>): Promise<void> {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir, candidate: 'v2' }))
  try {
    await play(node)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
  }
}

await t.test('an abort is taken, however much waits for the disk', async (t) => {
  await withNode(async (node) => {
    await node.ask({ do: 'weight', weight: 50 })
    const asked = Array.from({ length: 300 }, (_, i) =>
      node.ask({ do: 'weight', weight: 100 + (i % 2) }),
    )
    const abort = node.ask({ do: 'abort' })
    t.equal(node.row().weight, 0)
    const answers = await Promise.all(asked)
    t.ok(
      answers.some((answer) => !answer.ok && answer.problem.code === 'busy'),
      'the queue was full',
    )
    t.ok((await abort).ok)
    t.equal(node.row().weight, 0)
  })
})

await t.test('a listener of the journal that fails costs no decision, and is told', async (t) => {
  await withNode(async (node) => {
    node.control.onJournal(() => {
      throw new Error('no room')
    })
    t.ok((await node.ask({ do: 'weight', weight: 300 })).ok)
    t.equal(node.row().weight, 300)
    t.match(node.control.degraded(), [/^Cannot tell of entry \d+ of the journal .* no room$/])
  })
})

await t.test('a node ends although its state directory was cleared away', async (t) => {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir }))
  await removeDirectory(stateDir)
  await t.resolves(node.stop())
})

await t.test('failures that an earlier rollout drew are not counted in the next one', async (t) => {
  await withNode(async (node) => {
    const slot = node.slot('v2')
    await node.ask({ do: 'weight', weight: 5000 })
    for (let i = 0; i < 20; i++) raiseClaim(node.board, 0, slot)
    await node.ask({ do: 'weight', weight: 0 })
    await node.ask({ do: 'weight', weight: 100 })
    for (let i = 0; i < 20; i++) {
      node.serve(slot, { earlier: 1 })
      releaseClaim(node.board, 0, slot)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until('all of them', async () => (await node.view()).candidate?.stats.errors === 20)
    t.equal(node.row().weight, 100, 'they were drawn before it began')
    node.serve(slot, { bad: 4 })
    await until('weight 0', () => node.row().weight === 0)
    t.pass('what it draws itself counts')
  })
})

await t.test('what failed just before the weight was set belongs to the one before', async (t) => {
  await withNode(async (node) => {
    const slot = node.slot('v2')
    await node.ask({ do: 'weight', weight: 5000 })
    await node.ask({ do: 'weight', weight: 0 })
    node.serve(slot, { bad: 20 })
    await node.ask({ do: 'weight', weight: 100 })
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(node.row().weight, 100)
  })
})

await t.test('a storm of failures writes no more than a line of evidence a tick', async (t) => {
  await withNode(async (node) => {
    await node.ask({ do: 'weight', weight: 5000 })
    const slot = node.slot('v1')
    const began = performance.now()
    let failures = 0
    while (performance.now() - began < 300) {
      node.serve(slot, { bad: 1 })
      failures++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const lines = (await node.journal()).filter(({ kind }) => kind === 'evidence')
    t.ok(lines.length <= 300 / 20 + 4, `${lines.length} lines of ${failures} failures`)
    const written = lines.reduce((sum, { evidence }) => {
      const { stable } = evidence as { stable: { bad: number } }
      return sum + stable.bad
    }, 0)
    t.equal(written, failures, 'and none of them is missing')
  })
})
