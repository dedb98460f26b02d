// What the control side does for the evidence: it hands the threads a service's rules, begins the
// windows of affinity buckets, saves it once a second, and remembers which requests failed last.

import t from 'tap'
import { markBucket } from '../../src/board/buckets.ts'
import { BUCKET_WINDOW_MS } from '../../src/core/bucket-errors.ts'
import { Gauge } from '../../src/control/gauge.ts'
import type { SavedDocument } from '../../src/control/ledger.ts'
import { StateDirectory } from '../../src/control/state-directory.ts'
import { configOf, removeDirectory, temporaryDirectory, TestNode, until } from './node.ts'

await t.test('the threads get the rules of a service, also after a reload', async (t) => {
  const stateDir = await temporaryDirectory()
  const config = configOf({ stateDir })
  const node = await TestNode.start(config)
  const verdict = { exclude: ['/healthz'], clientErrors: 'count', slowIsErrorMs: 100 } as const
  const services = config.services.map((service) => ({ ...service, verdict }))
  const rules = () => node.tables.at(-1)?.services[0]?.verdict
  t.same(rules(), { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null })
  await node.control.reload({ ...config, services })
  t.same(rules(), verdict)
  await node.stop()
  await removeDirectory(stateDir)
})

await t.test('a bucket counts again when a new window has begun', async (t) => {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir }))
  const mark = { service: 0, event: 'error', bucket: 7 } as const
  const counts = (): boolean => markBucket(node.board, mark)
  // A window may end on its own between two looks, but not twice.
  t.ok([counts(), counts(), counts()].includes(false))
  node.advance(BUCKET_WINDOW_MS)
  await until('a new window', counts)
  await node.stop()
  await removeDirectory(stateDir)
})

await t.test('the last five failures of a version are remembered', async (t) => {
  const gauge = new Gauge()
  t.same(gauge.recentFailures(), [])
  for (let i = 0; i < 8; i++) {
    const failed = { slot: 3, requestId: `id-${i}`, outcome: 'reset', status: 0 } as const
    gauge.noteFailure(failed, i * 100)
  }
  t.same(
    gauge.recentFailures(),
    [3, 4, 5, 6, 7].map((i) => ({
      ...{ requestId: `id-${i}`, outcome: 'reset', status: 0, at: i * 100 },
    })),
  )
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir }))
  // One that comes late, when its version has left.
  node.control.noteFailure({ slot: 11, requestId: 'late', outcome: 'timeout', status: 0 })
  await node.stop()
  await removeDirectory(stateDir)
})

await t.test('a decision takes the evidence of its second along, and is saved once', async (t) => {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir }))
  t.ok((await node.deploy()).ok)
  await until('the first step', () => node.row().weight === 500)
  const saves: number[] = []
  const saving = t.capture(StateDirectory.prototype, 'propose', async (saved: SavedDocument) => {
    saves.push(saved.document.state.epoch)
    return { result: 'accepted' } as const
  })
  node.advance(1500) // the evidence is due in the very turn of the command
  t.ok((await node.ask({ do: 'pause' })).ok)
  t.strictSame(saves, [(await node.view()).revision])
  node.advance(1500)
  await until('evidence alone is saved, too', () => saves.length > 1)
  saving.restore()
  await node.stop()
  await removeDirectory(stateDir)
})
