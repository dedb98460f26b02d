// This node's document against the ledger's: who wins, what is said, and that a tombstone of either
// side wins over both.

import t from 'tap'
import { type Known, reconcile } from '../../../src/core/fleet/reconcile.ts'
import {
  ABORT,
  after,
  at,
  BAKING,
  BLANK,
  deploy,
  FAILURES,
  IDLE,
  lineOf,
  PAUSE,
  PROMOTED,
  SHIFTING,
  stored,
  SURVEY,
  weight,
} from './documents.ts'

const NOW = 5000

function held(known: Partial<Known>): ReturnType<typeof reconcile> {
  const nothing = { ours: BLANK, confirmed: null, isDirty: false, pending: [], stored: null }
  return reconcile({ ...nothing, node: 'edge-2', ...known }, NOW)
}

await t.test('a ledger that never held anything gets what there is', async (t) => {
  t.match(held({}), { outcome: 'same', mustPropose: false }, 'nothing is nothing to propose')
  const first = held({ ours: IDLE, isDirty: true })
  t.match(first, { outcome: 'propose', mustPropose: true, counters: 'ours' })
  t.equal(first.document, IDLE)
})

await t.test(
  'where the ledger holds what was confirmed, decisions of this node go on',
  async (t) => {
    const known = { confirmed: at(3), stored: stored(SHIFTING) }
    t.match(held({ ...known, ours: SHIFTING }), { outcome: 'same', mustPropose: false })
    const paused = after(SHIFTING, [PAUSE])
    const mine = held({ ...known, ours: paused, isDirty: true })
    t.match(mine, { outcome: 'propose', mustPropose: true })
    t.equal(mine.document, paused)
  },
)

await t.test('what the ledger holds later is taken over as it is', async (t) => {
  const theirs = held({ ours: IDLE, confirmed: at(1), stored: stored(SHIFTING) })
  t.match(theirs, { outcome: 'adopt', mustPropose: false, counters: 'theirs' })
  t.strictSame(theirs.document.state, SHIFTING.state)
  t.strictSame(theirs.effects.map(lineOf), ['residency', 'assign v1 v2 5', 'limits'])
  t.strictSame(theirs.said, [])
})

await t.test('a node that joins takes over what it finds', async (t) => {
  const joined = held({ ours: IDLE, isDirty: true, pending: [], stored: stored(SHIFTING) })
  t.match(joined, { outcome: 'adopt', mustPropose: false })
})

await t.test('what a node has decided alone and does not hold is said', async (t) => {
  const ours = after(SHIFTING, [weight(1, 3)])
  const text = 'v2 was set to 1 % by hand'
  const theirs = after(SHIFTING, [weight(20, 3)])
  const known = { ours, confirmed: at(3), isDirty: true, stored: stored(theirs) }
  const lost = held({ ...known, pending: [{ epoch: 4, text }] })
  t.equal(lost.document.state.weight, 2000)
  t.strictSame(lost.said, [
    'revision 4 of edge-2 does not hold (v2 was set to 1 % by hand): the fleet has decided ' +
      'revision 4 on edge-1 without knowing of it',
  ])
  t.ok(lost.effects.map(lineOf).includes(`journal fleet: ${lost.said[0]}`), 'the journal has it')
})

await t.test('an abort here wins over raises there', async (t) => {
  const ours = after(SHIFTING, [ABORT])
  const known = { ours, confirmed: at(3), isDirty: true, pending: [{ epoch: 4, text: '' }] }
  const { document, effects, mustPropose, outcome, said } = held({
    ...known,
    stored: stored(BAKING),
  })
  t.equal(outcome, 'adopt')
  t.equal(mustPropose, true)
  t.match(document.state, { weight: 0, rollout: null, ended: { id: 'shop-1', ending: 'aborted' } })
  t.match(document.state.tombstones, [{ rollout: 'shop-1', version: 'v2', by: 'operator' }])
  t.ok(document.state.epoch > BAKING.state.epoch && document.state.epoch > ours.state.epoch)
  t.equal(effects.filter(({ effect }) => effect === 'page').length, 0)
  t.strictSame(said, [], 'nothing is lost')
})

await t.test('a verdict here brings its quarantine and its incident', async (t) => {
  const ours = after(SHIFTING, [FAILURES])
  t.match(ours.state.ended, { ending: 'rolled-back' }, 'the verdict has taken it out')
  const known = { ours, confirmed: at(3), isDirty: true, pending: [] }
  const { document, effects } = held({ ...known, stored: stored(BAKING) })
  t.match(document.state.quarantine, { v2: { reason: /rolled back/ } })
  t.match(document.state.incidents, { 'shop-1': { version: 'v2' } })
  t.equal(effects.filter(({ effect }) => effect === 'page').length, 0, 'that node has told of it')
})

await t.test(
  'an abort here of what was promoted there: swapped back, and on-call is told',
  async (t) => {
    const ours = after(SHIFTING, [ABORT])
    const known = { ours, confirmed: at(3), isDirty: true, pending: [] }
    const { document, effects, mustPropose } = held({ ...known, stored: stored(PROMOTED) })
    t.match(document.state, { stable: 'v1', candidate: 'v2', weight: 0, previous: null })
    t.equal(mustPropose, true)
    t.match(effects.map(lineOf).at(-1), /^page shop: went back from v2 to v1 as rollout shop-1/)
  },
)

await t.test(
  'an abort here, promoted there, and the next rollout runs: a person is called',
  async (t) => {
    const ours = after(SHIFTING, [ABORT])
    const theirs = after(PROMOTED, [deploy('v3'), SURVEY])
    const known = { ours, confirmed: at(3), isDirty: true, pending: [] }
    const { document, effects } = held({ ...known, stored: stored(theirs) })
    t.match(document.state, { stable: 'v2', candidate: 'v3', weight: 500 })
    t.match(document.state.tombstones, [{ rollout: 'shop-1' }])
    t.match(effects.map(lineOf).at(-1), /^page shop: v2 is stable, though rollout shop-1 had ended/)
  },
)

await t.test('an abort there holds here by itself', async (t) => {
  const theirs = after(SHIFTING, [ABORT])
  const ours = after(SHIFTING, [weight(1, 3)])
  const known = { ours, confirmed: at(3), isDirty: true, stored: stored(theirs) }
  const { document } = held(known)
  t.match(document.state, { weight: 0, rollout: null })
})

await t.test('what Redis has lost is put back, above what it held', async (t) => {
  const known = { ours: BAKING, confirmed: at(4) }
  for (const holds of [null, stored(SHIFTING)]) {
    const back = held({ ...known, stored: holds })
    t.match(back, { outcome: 'restore', mustPropose: true, counters: 'ours' })
    t.strictSame({ ...back.document.state, epoch: 4 }, BAKING.state)
    t.equal(back.document.state.epoch, 5)
    t.match(back.said, [/^Redis had lost revision 4 and held (nothing|revision 3): edge-2 puts it/])
  }
})

await t.test('what is put back does not bring an aborted rollout back', async (t) => {
  // Another history of the same rollout, in which it was aborted.
  const theirs = after(SHIFTING, [ABORT])
  const known = { ours: BAKING, confirmed: at(4, 'edge-1', 2) }
  const { document, effects, outcome, said } = held({ ...known, stored: stored(theirs) })
  t.equal(outcome, 'restore')
  t.match(document.state, { weight: 0, rollout: null, tombstones: [{ rollout: 'shop-1' }] })
  t.equal(effects.map(lineOf)[0], 'assign v1 v2 0')
  t.match(said[1], /^revision 4, decided on edge-1, may have been lost/)
})

await t.test('what was lost when Redis changed servers is said', async (t) => {
  const theirs = after(IDLE, [deploy('v3')])
  const known = { ours: SHIFTING, confirmed: at(3) }
  const lost = held({ ...known, stored: stored(theirs, { term: 2, base: at(1) }) })
  t.match(lost.said, [/^revision 3, decided on edge-1, was lost when Redis changed servers/])
  const whole = held({
    ...known,
    stored: stored(after(SHIFTING, [PAUSE]), { term: 2, base: at(3) }),
  })
  t.strictSame(whole.said, [], 'the new server had it')
  const twice = { term: 3, base: at(2, 'edge-3', 2) }
  const { said } = held({ ...known, node: 'edge-1', stored: stored(theirs, twice) })
  t.match(said, [/^revision 3, decided on edge-1, may have been lost/])
  const other = held({ ...known, stored: stored(theirs, twice) })
  t.strictSame(other.said, [], 'its writer says so, nobody else')
})

await t.test('what was put back is not said to be lost', async (t) => {
  const theirs = stored(after(SHIFTING, [PAUSE]), { term: 2, base: at(1) })
  const restored = { ...theirs, body: { ...theirs.body, restored: [at(3)] } }
  t.strictSame(held({ ours: SHIFTING, confirmed: at(3), stored: restored }).said, [])
})

await t.test('an older state that was put back gives way to what is known', async (t) => {
  // A node that was off for long was the first to come to a Redis that had been emptied.
  const old = { ...SHIFTING, state: { ...SHIFTING.state, epoch: 4 } }
  const back = stored(old, { term: 2, writer: 'spare' })
  const theirs = { ...back, body: { ...back.body, restored: [at(3)] } }
  const known = { ours: PROMOTED, confirmed: at(5), stored: theirs }
  const ours = held(known)
  t.match(ours, { outcome: 'restore', mustPropose: true, counters: 'ours' })
  t.strictSame({ ...ours.document.state, epoch: 5 }, PROMOTED.state)
  t.equal(ours.document.state.epoch, 6)
  t.match(ours.said, [/^Redis had lost revision 5 and held revision 4: edge-2 puts it back$/])

  const decided = after(old, [PAUSE])
  const more = { ...stored(decided, { term: 2 }), body: { ...theirs.body, document: decided } }
  t.equal(held({ ...known, stored: more }).outcome, 'adopt', 'somebody has decided on top of it')
  const same = { ...theirs, body: { ...theirs.body, restored: [at(5)] } }
  t.equal(held({ ...known, stored: same }).outcome, 'adopt', 'it is what is known here')
  const other = { ...theirs, body: { ...theirs.body, restored: [at(3, 'edge-1', 9)] } }
  t.equal(held({ ...known, stored: other }).outcome, 'adopt', 'it is of another history')
})

await t.test('no revision means two things, and none goes back', async (t) => {
  const ours = after(SHIFTING, [PAUSE, weight(1, 4)])
  const theirs = after(SHIFTING, [weight(20, 3)])
  const known = { ours, confirmed: at(3), isDirty: true, pending: [] }
  const { document, mustPropose } = held({ ...known, stored: stored(theirs) })
  t.equal(document.state.weight, 2000)
  t.equal(document.state.epoch, ours.state.epoch + 1)
  t.equal(mustPropose, true, 'the others have to know of it')
})

await t.test('ids of rollouts that were given here are not given again', async (t) => {
  const ours = after(after(SHIFTING, [ABORT]), [deploy('v3'), ABORT])
  const { document } = held({ ours, confirmed: at(1), isDirty: true, stored: stored(SHIFTING) })
  t.equal(document.state.rollouts, 2)
})
