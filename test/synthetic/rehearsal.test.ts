// A thread rehearses before its first run: it sends requests to itself, and nobody else sees them.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { rehearse } from '../../src/synthetic/rehearsal.ts'
import { startLab } from './lab.ts'
import { TestTarget } from './target.ts'

await t.test('a rehearsal is answered and leaves nothing open', async (t) => {
  const answered = await rehearse(new Int32Array(new SharedArrayBuffer(4)))
  t.ok(answered > 0, `${answered} requests`)
  const open = (): boolean =>
    process.getActiveResourcesInfo().some((kind) => kind.startsWith('TCP'))
  await until(() => (open() ? null : true), { what: 'all is closed', withinMs: 60_000 })
})

await t.test('a thread has rehearsed before its first run', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const home = 'rate: 100\nduration: 100ms\nsteps: [{ path: / }]'
  const { report } = startLab(t, { home }, { rehearses: true })
  const fromMs = performance.now()
  t.match(await report('home', [target.url]), { transactions: 10, failed: 0 })
  t.ok(performance.now() - fromMs >= 1000, 'it took the second, too')
  t.equal(target.seen.length, 10, 'of which the target has heard nothing')
})
