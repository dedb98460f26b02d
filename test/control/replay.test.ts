// The journal that a real node writes, replayed: the loop's own passes and clock, the real state
// directory. Edge threads are played by the test.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { recordLatency } from '../../src/board/latency.ts'
import { readJournal } from '../../src/core/journal.ts'
import { type Replayed, replay } from '../../src/core/replay/replay.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until } from './node.ts'

async function replayed(node: TestNode, rollout: string): Promise<Replayed> {
  const journal = await readFile(join(node.config.stateDir, 'journal.jsonl'))
  const result = replay(readJournal(journal).entries, { rollout, strategy: null })
  if ('cannot' in result) throw new Error(result.cannot)
  return result
}

async function counted(node: TestNode, requests: number): Promise<void> {
  await until(`${requests} requests of the candidate`, async () => {
    return (await node.view()).candidate?.stats.requests === requests
  })
}

await t.test('a healthy start, a raise, and a late failure are replayed exactly', async (t) => {
  const stateDir = await temporaryDirectory()
  const steps = [
    { weight: 2500, observeMs: 5000 },
    { weight: 5000, observeMs: 60_000 },
    { weight: 10_000, observeMs: 0 },
  ]
  const strategy = { steps, minRequests: 30 }
  const node = await TestNode.start(configOf({ stateDir, strategy }))
  try {
    const old = node.slot('v1')
    for (let i = 0; i < 2000; i++) recordLatency(node.board, i % 2, old, 10_000 + i)
    await node.deploy()
    await until('the first step', () => node.row().weight === 2500)
    const fresh = node.slot('v2')
    for (let i = 1; i <= 8; i++) {
      node.serve(old, { good: 600, bad: i % 3 === 0 ? 1 : 0 })
      node.serve(fresh, { good: 200, thread: 1 })
      await counted(node, 200 * i)
      node.advance(700)
    }
    node.serve(fresh, { bad: 30 })
    await until('weight 0', () => node.row().weight === 0)
    await until('the end in the journal', async () =>
      (await node.journal()).some(({ kind }) => kind === 'quarantine'),
    )
    const result = await replayed(node, 'shop-1')
    t.same(result.differences, [])
    t.ok(result.deviation < 1e-9, `${result.compared} compared, ${result.deviation}`)
    t.equal(result.moments.at(-1)?.decision, 'rolled-back')
    t.equal(result.end.candidate.requests, result.moments.at(-1)?.candidate.requests)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
  }
})
