// A node comes from its own document to the ledger's: whoever has less has it at once, whoever has
// more waits until every thread knows it.

import t from 'tap'
import { adopt, raisesOver, sharesOf } from '../../../src/core/fleet/adopt.ts'
import {
  ABORT,
  after,
  BAKING,
  deploy,
  IDLE,
  lineOf,
  PROMOTED,
  ROLLBACK,
  SHIFTING,
  SURVEY,
  weight,
} from './documents.ts'

function lines(...[ours, theirs]: Parameters<typeof adopt>): readonly string[] {
  return adopt(ours, theirs).effects.map(lineOf)
}

await t.test('a raise: the table first where it is new, then the row', async (t) => {
  t.strictSame(lines(IDLE, SHIFTING), ['residency', 'assign v1 v2 5', 'limits'])
  t.strictSame(lines(SHIFTING, BAKING), ['assign v1 v2 100', 'limits'], 'the table is as it was')
})

await t.test('an abort: the row first, then tunnels, then the table', async (t) => {
  const aborted = after(SHIFTING, [ABORT])
  t.strictSame(lines(SHIFTING, aborted), [
    'assign v1 v2 0',
    'limits',
    'evacuate v2',
    'residency',
    'assign v1 v2 0',
    'limits',
  ])
})

await t.test('a smaller weight: at once, and nobody is sent away', async (t) => {
  const smaller = after(SHIFTING, [weight(1, 3)])
  t.strictSame(lines(SHIFTING, smaller), ['assign v1 v2 1', 'limits'])
})

await t.test('a promotion at 100 % moves nobody', async (t) => {
  t.strictSame(lines(BAKING, PROMOTED).slice(0, 2), ['assign v2 null 0', 'limits'])
})

await t.test('a promotion that was not seen coming waits for the table', async (t) => {
  t.strictSame(lines(IDLE, PROMOTED), ['residency', 'assign v2 null 0', 'limits'])
})

await t.test('back to the previous stable: at once', async (t) => {
  const back = after(PROMOTED, [ROLLBACK])
  t.strictSame(lines(PROMOTED, back).slice(0, 3), ['assign v1 v2 0', 'limits', 'evacuate v2'])
})

await t.test('another rollout: the old candidate goes at once, the new one waits', async (t) => {
  const other = after(after(SHIFTING, [ABORT]), [deploy('v3'), SURVEY])
  t.strictSame(lines(SHIFTING, other), [
    'assign v1 v2 0',
    'evacuate v2',
    'residency',
    'assign v1 v3 5',
    'limits',
  ])
})

await t.test('the same revision with newer evidence changes limits and nothing else', async (t) => {
  t.strictSame(lines(SHIFTING, SHIFTING), [])
  const { evidence } = SHIFTING
  if (evidence === null) throw new Error('no evidence')
  const anchor = { stableUs: 200, candidateUs: 240, requests: 0, over: 0 }
  const measured = { ...SHIFTING, evidence: { ...evidence, warmUp: null, anchor } }
  t.strictSame(lines(SHIFTING, measured as typeof SHIFTING), ['limits'])
})

await t.test('what a node has seen stays its own, as far as it is about the same', async (t) => {
  const { document } = adopt(SHIFTING, after(SHIFTING, [weight(50, 3)]))
  t.equal(document.facts.candidateResident, true)
  const other = adopt(SHIFTING, after(after(SHIFTING, [ABORT]), [deploy('v3')])).document
  t.equal(other.facts.candidateResident, false, 'nobody has told of v3 yet')
  t.strictSame(other.facts.candidate, { healthy: 0, total: 0 })
  t.strictSame(other.facts.stable, SHIFTING.facts.stable)
  const promoted = adopt(SHIFTING, PROMOTED).document
  t.strictSame(promoted.facts.stable, SHIFTING.facts.candidate, 'v2, in its new place')
})

await t.test('more is what a version gets that has to prove itself', async (t) => {
  const shares = { idle: sharesOf(IDLE.state), shifting: sharesOf(SHIFTING.state) }
  const promoted = sharesOf(PROMOTED.state)
  t.ok(raisesOver(shares.idle, shares.shifting))
  t.notOk(raisesOver(shares.shifting, shares.idle))
  t.ok(raisesOver(shares.shifting, promoted), 'a promotion from less than 100 %')
  t.notOk(raisesOver(sharesOf(BAKING.state), promoted))
  t.notOk(raisesOver(promoted, shares.idle), 'the previous stable has proven itself')
})
