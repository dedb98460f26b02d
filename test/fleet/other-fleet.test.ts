// A node that is given to another fleet, its state directory with it, takes over what that fleet
// holds: that its own revision was a later one says nothing there.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { Fleet, WITHIN_MS } from './lab.ts'

await t.test('a spare of staging joins production, and nothing changes there', async (t) => {
  const fleet = await Fleet.make(t, { nodes: ['spare', 'p1'], services: { shop: {} } })
  const [spare, p1] = fleet.some()
  if (spare === undefined || p1 === undefined) throw new Error('two nodes were made')
  const of = (node: string, prefix: string): unknown => {
    const config = fleet.config(node) as { fleet: object }
    return { ...config, fleet: { ...config.fleet, prefix } }
  }
  spare.configure(of('spare', 'staging:'))
  p1.configure(of('p1', 'production:'))
  await Promise.all([spare.vertex.start(), p1.vertex.start()])
  const body = { version: 'v2', targets: [fleet.candidate.url] }
  await spare.does('POST shop/rollouts', { body })
  await until(async () => ((await spare.view('shop')).candidate?.weight === 50 ? true : null), {
    what: 'staging has a candidate at its first step',
    withinMs: WITHIN_MS,
  })
  const before = await p1.view('shop')
  await spare.end('SIGTERM')
  spare.configure(of('spare', 'production:'))
  await spare.vertex.start()
  const joined = await until(
    async () => {
      const view = await spare.view('shop')
      return view.candidate === null ? view : null
    },
    { what: 'the spare serves by what production holds', withinMs: WITHIN_MS },
  )
  t.equal(joined.stable?.version, before.stable?.version)
  const after = await p1.view('shop')
  t.same([after.stable?.version, after.candidate], [before.stable?.version, null])
  t.same(await p1.gets('shop', 20), { v1: 20 })
})
