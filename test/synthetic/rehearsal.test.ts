// A thread rehearses before its first run: it sends requests to itself, and nobody else sees them.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { rehearse } from '../../src/synthetic/rehearsal.ts'

await t.test('a rehearsal is answered and leaves nothing open', async (t) => {
  const answered = await rehearse(new Int32Array(new SharedArrayBuffer(4)))
  t.ok(answered > 0, `${answered} requests`)
  const open = (): boolean =>
    process.getActiveResourcesInfo().some((kind) => kind.startsWith('TCP'))
  await until(() => (open() ? null : true), { what: 'all is closed', withinMs: 60_000 })
})
