// What the command line shows of a fleet: as text from given views, and over a real admin thread
// that answers as a node of a fleet.

import t from 'tap'
import { fleetLine, type FleetPaper, fleetText } from '../../src/cli/fleet-table.ts'
import { convergenceText, elapsed } from '../../src/cli/fleet-text.ts'
import type { Answer, Command } from '../../src/core/command.ts'
import type { FleetView } from '../../src/core/fleet/view.ts'
import { convergenceView, fleetView, inFleet, MEMBERS, memberView } from '../admin/fleet-views.ts'
import { nodeView, obliging, serviceView, startAdmin } from '../admin/harness.ts'
import { cli } from './run-cli.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const env = { VERTEX_ADMIN: admin.url }

const SINCE = '2026-01-01T00:00:00.000Z'
const paper: FleetPaper = {
  ...{ colour: false, width: null, nowMs: Date.parse(SINCE) + 12_000 },
  ...{ service: null, times: false },
}
const MEANING = 'This node serves on, may take a candidate out, and raises no weight'
const CUT_OFF = fleetView({
  ...{ standing: 'cut-off', leader: null, awaySince: SINCE, meaning: MEANING },
  mayNotRaise: 'Redis has been away for 12 s',
})
/** Not heard of for long, of another release, with a clock that is off. */
const SILENT = memberView('edge-4', {
  ...{ isLive: false, silentMs: 40_000, version: '1.3.0', clockAheadMs: 6200 },
  listen: '10.0.0.4:8080',
})

function lines(fleet: FleetView, change: Partial<FleetPaper> = {}): string[] {
  return fleetText(fleet, { ...paper, ...change }).split('\n')
}

const NODES = [
  '  NODE           STATE  RELEASE   CLOCK  LISTEN',
  '  edge-1 (this)  live   1.2.3     +3 ms  10.0.0.1:8080',
  '  edge-2         leads  1.2.3    −12 ms  10.0.0.2:8080',
  '  edge-3         live   1.2.3      0 ms  10.0.0.3:8080',
]

await t.test('a follower names its leader, the nodes, and who serves by what', async (t) => {
  t.same(lines(fleetView()), [
    'fleet  edge-1 follows edge-2, 3 of 3 nodes live',
    '  Redis at redis://127.0.0.1:6379/0 is there',
    ...NODES,
    '  SERVICE  REVISION  IN FORCE  AFTER  NOT CONFIRMED BY',
    '  shop            7       3/3  8 ms',
  ])
  t.equal(fleetLine(fleetView(), null), 'fleet  edge-1 follows edge-2, 3 of 3 nodes live')
  t.ok(fleetText(fleetView(), { ...paper, colour: true }).includes('\x1b['), 'in colour')
})

await t.test('a leader says why it raises nothing, when it does not', async (t) => {
  const leading = fleetView({ standing: 'leading', leader: 'edge-1', mayNotRaise: null })
  t.match(lines(leading)[0], 'fleet  edge-1 leads, 3 of 3 nodes live')
  t.match(lines(leading)[3], /^ {2}edge-1 \(this\) {2}leads /)
  t.notMatch(fleetText(leading, paper), /raises no weight/)
  const held = fleetView({ ...leading, mayNotRaise: 'its lease has run out' })
  t.equal(lines(held)[2], '  raises no weight here as its lease has run out')
})

await t.test(
  'without Redis it says since when, what that means, and who is not heard of',
  async (t) => {
    t.same(lines(CUT_OFF), [
      'fleet  edge-1 is cut off, 3 nodes known',
      `  Redis at redis://127.0.0.1:6379/0 has been away for 12 s, since ${SINCE}`,
      `  ${MEANING}`,
      '  NODE           STATE         RELEASE   CLOCK  LISTEN',
      '  edge-1 (this)  cut off       1.2.3     +3 ms  10.0.0.1:8080',
      '  edge-2         not heard of  1.2.3    −12 ms  10.0.0.2:8080',
      '  edge-3         not heard of  1.2.3      0 ms  10.0.0.3:8080',
      '  SERVICE  REVISION  LAST KNOWN IN FORCE  AFTER  NOT CONFIRMED BY',
      '  shop            7                  3/3  8 ms',
    ])
    t.notMatch(lines({ ...CUT_OFF, leader: 'edge-1' })[4], /leads/, 'not even who led last')
    const later = { ...CUT_OFF, meaning: `${MEANING}: it has been away for 99 s` }
    t.equal(
      fleetLine(later, null),
      fleetLine(CUT_OFF, null),
      'a line that is watched does not tick',
    )
    t.equal(
      fleetLine(CUT_OFF, null),
      `fleet  edge-1 is cut off, 3 nodes known; Redis away since ${SINCE}`,
    )
  },
)

await t.test('a node that is silent, of another release, or behind stands out', async (t) => {
  const applied = [
    { node: 'edge-2', afterMs: 0 },
    { node: 'edge-1', afterMs: 1234 },
  ] as const
  const fleet = fleetView({
    members: [...MEMBERS, SILENT],
    services: [
      convergenceView({ applied, waiting: ['edge-3'] }),
      convergenceView({ service: 'cart', revision: 112, applied: [] }),
    ],
  })
  const text = lines(fleet)
  t.equal(text[0], 'fleet  edge-1 follows edge-2, 3 of 4 nodes live')
  t.match(text[6], /^ {2}edge-4 +silent for 40 s +1\.3\.0 +\+6\.2 s +10\.0\.0\.4:8080$/)
  t.same(text.slice(7), [
    '  releases differ: 1.2.3 on edge-1, edge-2, edge-3; 1.3.0 on edge-4',
    '  SERVICE  REVISION  IN FORCE  AFTER  NOT CONFIRMED BY',
    '  shop            7       2/4  1.2 s  edge-3, edge-4 (silent for 40 s)',
    '  cart          112       0/1  –      edge-4 (silent for 40 s)',
  ])
  t.match(fleetText(fleet, { ...paper, times: true }), 'edge-2 0 ms, edge-1 1.2 s  edge-3,')
  t.notMatch(fleetText(fleet, { ...paper, service: 'shop' }), /cart/)
  t.match(fleetLine(fleet, null), '; shop not confirmed by edge-3, edge-4; cart not confirmed by')
  t.notMatch(fleetLine(fleet, 'shop'), /cart/)
})

await t.test('a change says on how many nodes it is in force, or who may lack it', async (t) => {
  const there = { awaySince: null, members: MEMBERS }
  const all = convergenceView()
  t.equal(convergenceText(all, there), 'in force on 3 of 3 nodes after 8 ms')
  const some = convergenceView({ applied: all.applied.slice(0, 2), waiting: ['edge-3'] })
  t.equal(
    convergenceText(some, there),
    'in force on 2 of 3 nodes after 5 ms; not confirmed by edge-3',
  )
  const slow = MEMBERS.map((one) => (one.node === 'edge-3' ? { ...one, silentMs: 4000 } : one))
  const late = 'in force on 2 of 3 nodes after 5 ms; not confirmed by edge-3 (silent for 4 s)'
  t.equal(convergenceText(some, { ...there, members: slow }), late)
  const gone = slow.map((one) => ({ ...one, isLive: one.node !== 'edge-3' }))
  const none = convergenceView({ applied: some.applied })
  t.equal(convergenceText(none, { ...there, members: gone }), late, 'also when nobody waits for it')
  t.equal(
    convergenceText(convergenceView({ applied: [{ node: 'edge-1', afterMs: -3 }] }), {
      members: MEMBERS,
      awaySince: SINCE,
    }),
    'in force on 1 of 3 nodes after 0 ms; not confirmed by edge-2, edge-3',
    'without Redis nobody can confirm',
  )
  t.equal(
    convergenceText(convergenceView({ applied: [], waiting: ['edge-1'] }), there),
    'not in force on any node yet; not confirmed by edge-1',
  )
  t.same([0.4, 999, 1234, 180_000].map(elapsed), ['0 ms', '999 ms', '1.2 s', '3 min'])
})

/** Answers as a node with this fleet and these sentences about what does not work. */
function beIn(fleet: FleetView, degraded: readonly string[] = []): (command: Command) => Answer {
  return (command) =>
    command.do === 'node'
      ? { ok: true, answer: 'node', node: nodeView({ fleet, degraded }) }
      : inFleet(command)
}

await t.test('status shows the fleet below the services, and what does not work', async (t) => {
  admin.answer = beIn(CUT_OFF, ['The journal lacks 3 lines of evidence: slow disk', MEANING])
  const { code, stdout } = await cli('status', { env })
  t.equal(code, 0)
  t.match(stdout, /^shop {2}revision 7/)
  t.match(
    stdout,
    /\n\n {2}degraded: The journal lacks 3 lines of evidence: slow disk\n\nfleet {2}edge-1 is cut off/,
  )
  t.equal(stdout.split(MEANING).length, 2, 'it is said once')
  const json = await cli('status shop -o json', { env })
  t.same(JSON.parse(json.stdout), {
    services: [serviceView('shop')],
    degraded: ['The journal lacks 3 lines of evidence: slow disk', MEANING],
    fleet: CUT_OFF,
  })
})

await t.test('status -w tells when the fleet changes, and only then', async (t) => {
  const looks = [fleetView(), CUT_OFF, CUT_OFF, fleetView()]
  let looked = 0
  admin.answer = (command) => {
    const fleet = looks[Math.min(looked, looks.length - 1)] ?? CUT_OFF
    if (command.do === 'node') looked++
    return beIn(fleet, fleet === CUT_OFF ? [MEANING] : [])(command)
  }
  const { code, stdout } = await cli('status -w --interval 20ms --count 4', { env })
  t.equal(code, 0)
  const told = stdout.split('\n').map((line) => line.slice(10))
  t.same(
    told.filter((line) => /^(fleet|degraded)/.test(line)),
    [
      fleetLine(fleetView(), null),
      fleetLine(CUT_OFF, null),
      `degraded: ${MEANING}`,
      fleetLine(fleetView(), null),
      'degraded: no longer',
    ],
  )
})

await t.test('a changing verb tells how far the change has come', async (t) => {
  admin.answer = inFleet
  const changed = await cli('abort', { env })
  t.match(changed.stdout, /^did abort\nshop: .*\nin force on 3 of 3 nodes after 8 ms\n$/)
  const json = await cli('weight 5 -o json', { env })
  t.same(JSON.parse(json.stdout).convergence, convergenceView())
  admin.answer = beIn(CUT_OFF)
  const alone = await cli('abort', { env })
  t.match(alone.stdout, new RegExp(`in force on 3 of 3 nodes after 8 ms\n${MEANING}\n$`))
  admin.answer = obliging
  t.notMatch((await cli('abort', { env })).stdout, /in force/, 'nothing for a node alone')
})

await t.test('vertex fleet shows when each node served; alone it is exit 1', async (t) => {
  admin.answer = inFleet
  const { code, stdout } = await cli('fleet', { env })
  t.equal(code, 0)
  t.match(stdout, /^fleet {2}edge-1 follows edge-2.*edge-2 0 ms, edge-1 5 ms, edge-3 8 ms\n$/s)
  t.same(JSON.parse((await cli('fleet -o json', { env })).stdout), fleetView())
  t.notMatch((await cli('fleet cart', { env })).stdout, /shop/)
  admin.answer = obliging
  const alone = await cli('fleet', { env })
  t.equal(alone.code, 1)
  t.match(alone.stderr, /^Cannot describe the fleet as this node works alone/)
})

await t.test('journal --fleet shows what all nodes have decided', async (t) => {
  admin.answer = inFleet
  admin.asked.length = 0
  const { code, stdout } = await cli('journal --fleet -n 7', { env })
  t.equal(code, 0)
  t.same(stdout.split('\n'), [
    `${SINCE}  weight       edge-2      Set to 5 %`,
    `${SINCE}  aborted      edge-1      Aborted`,
    '',
  ])
  t.match(admin.asked.at(-1), { do: 'fleet-journal', service: 'shop', count: 7 })
  const json = await cli('journal shop --fleet -o json', { env })
  t.match(JSON.parse(json.stdout.split('\n')[0] ?? ''), { node: 'edge-2', seq: 12 })
  const both = await cli('journal --fleet --follow', { env })
  t.equal(both.code, 2)
  t.match(both.stderr, /^Cannot read the command line: .*--fleet.* cannot be used with .*--follow/)
})
