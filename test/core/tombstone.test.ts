// Tombstones are bounded, and two nodes must agree on which are gone: else each hands the other
// what that one has just let go, without end.

import t from 'tap'
import type { ServiceState, Tombstone } from '../../src/core/service.ts'
import { hasTombstone, withTombstone } from '../../src/core/rollout/tombstone.ts'
import { blankDocument } from '../../src/core/rollout/transition.ts'

const stone = (number: number): Tombstone => ({
  ...{ rollout: `shop-of-two-${number}`, version: `v${number}`, by: 'operator', reason: 'by hand' },
  at: '2026-11-30T00:00:00.000Z',
})

function stateWith(numbers: readonly number[]): ServiceState {
  let { state } = blankDocument('shop-of-two')
  for (const number of numbers)
    state = { ...state, tombstones: withTombstone(state, stone(number)) }
  return state
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1)

await t.test('the newest are kept, whatever came last', async (t) => {
  const kept = stateWith([...upTo(40), 3]).tombstones ?? []
  t.same(
    kept.map(({ rollout }) => rollout),
    upTo(40)
      .slice(8)
      .map((number) => `shop-of-two-${number}`),
  )
})

await t.test(
  'what was let go is not missing; what is missing among the newer ones is',
  async (t) => {
    const full = stateWith(upTo(40).filter((number) => number !== 30))
    t.ok(hasTombstone(full, stone(3)))
    t.notOk(hasTombstone(full, stone(30)))
    t.notOk(hasTombstone(full, stone(41)))
    t.notOk(hasTombstone(stateWith([5, 6]), stone(3)), 'while there is room nothing was let go')
  },
)

await t.test('two nodes that hand each other what they miss come to an end', async (t) => {
  let [one, other] = [stateWith(upTo(40)), stateWith(upTo(33))]
  const missing = (from: ServiceState, to: ServiceState): readonly Tombstone[] =>
    (from.tombstones ?? []).filter((known) => !hasTombstone(to, known))
  for (const known of missing(one, other)) {
    other = { ...other, tombstones: withTombstone(other, known) }
  }
  t.same(missing(other, one), [])
  for (const known of missing(other, one)) one = { ...one, tombstones: withTombstone(one, known) }
  t.same(other.tombstones, one.tombstones)
})
