// Which cells a version gets, and when they may mean something.

import t from 'tap'
import { currentAssignment } from '../../src/board/assignment.ts'
import { createBoard } from '../../src/board/board.ts'
import { recordLatency, takeLatency } from '../../src/board/latency.ts'
import { latencyLimitUs, raiseClaim, releaseClaim } from '../../src/board/tallies.ts'
import { Residency, type Wanted } from '../../src/control/residency.ts'
import { configOf } from './node.ts'

function setUp(slots = 4) {
  const board = createBoard({ threads: 2, services: 2, slots, targets: 8, latencyStripes: 2 })
  const residency = new Residency(board)
  const [config] = configOf({ stateDir: '/nowhere' }).services
  if (config === undefined) throw new Error('no service')
  const wanted = (...names: readonly string[]): readonly Wanted[] => [
    {
      config,
      salt: 's',
      versions: names.map((name, i) => ({ name, targets: [`http://h:${i + 1}`] })),
    },
  ]
  return { board, residency, wanted }
}

await t.test('a row is published only when all threads know what it names', async (t) => {
  const { board, residency, wanted } = setUp()
  const { table } = residency.nextTable(wanted('a', 'b'))
  const row = { stable: 'a', candidate: 'b', weight: 500 }
  t.notOk(residency.assign('shop', row), 'nobody has acknowledged anything')
  t.equal(currentAssignment(board, 0)?.stableSlot, -1)
  residency.acknowledge(table.revision)
  t.ok(residency.assign('shop', row))
  residency.nextTable(wanted('a', 'b', 'c'))
  t.notOk(residency.assign('shop', { stable: 'a', candidate: 'c', weight: 1 }))
  t.ok(
    residency.assign('shop', { stable: 'a', candidate: 'c', weight: 0 }),
    'less is always possible',
  )
  t.same(currentAssignment(board, 0)?.weight, 0)
})

await t.test('a slot comes back when it is idle and no table holds it', async (t) => {
  const { board, residency, wanted } = setUp(2)
  const first = residency.nextTable(wanted('a', 'b')).table
  residency.acknowledge(first.revision)
  const slot = residency.version('shop', 'b')?.slot ?? -1
  raiseClaim(board, 1, slot)
  const without = residency.nextTable(wanted('a')).table
  residency.reap()
  t.match(residency.roomFor('shop', { name: 'c', targets: 1 })?.detail, /no room for more versions/)
  residency.acknowledge(without.revision)
  residency.reap()
  t.equal(residency.roomFor('shop', { name: 'c', targets: 1 })?.code, 'board-full', 'in flight')
  releaseClaim(board, 1, slot)
  residency.reap()
  t.equal(residency.roomFor('shop', { name: 'c', targets: 1 }), null)
  t.same(residency.nextTable(wanted('a', 'c')).problems, [])
  t.equal(residency.version('shop', 'c')?.slot, slot)
  t.equal(residency.nextTable(wanted('a', 'c', 'd')).problems.length, 1, 'left out and said')
})

await t.test('a slot’s new owner inherits no limit and no latency', async (t) => {
  const { board, residency, wanted } = setUp(2)
  residency.acknowledge(residency.nextTable(wanted('a', 'b')).table.revision)
  const slot = residency.version('shop', 'b')?.slot ?? -1
  const row = { stable: 'a', candidate: 'b', weight: 1 }
  residency.setLimits('shop', { row, stableUs: 10, candidateUs: 20 })
  t.equal(latencyLimitUs(board, slot), 20)
  recordLatency(board, 0, slot, 5000)
  residency.acknowledge(residency.nextTable(wanted('a')).table.revision)
  residency.reap()
  residency.nextTable(wanted('a', 'c'))
  t.equal(latencyLimitUs(board, slot), 0)
  takeLatency(board, slot, () => t.fail('a latency of the one before'))
})

await t.test('more versions than stripes: the rest is served, only not measured', async (t) => {
  const { residency, wanted } = setUp()
  t.same(residency.nextTable(wanted('a', 'b', 'c')).problems, [])
  t.equal(residency.unmeasured, 1)
})
