// How many connections are being opened at a time: Node tells of each socket that is made.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import t from 'tap'
import { Run } from '../../src/synthetic/run.ts'
import { order, scenario } from './lab.ts'
import { ok, TestTarget } from './target.ts'

await t.test('a burst opens as many as it needs, but few at a time', async (t) => {
  const target = await TestTarget.start((seen, socket) => {
    setTimeout(() => ok(seen, socket), 200)
  })
  t.teardown(() => target.stop())
  let opening = 0
  let most = 0
  let all = 0
  const count = (message: unknown): void => {
    all++
    most = Math.max(most, ++opening)
    const { socket } = message as { socket: Socket }
    socket.once('connect', () => opening--)
  }
  subscribe('net.client.socket', count)
  t.teardown(() => unsubscribe('net.client.socket', count))
  const transaction = scenario('burst', 'connections: 60\ntimeout: 20s\nsteps: [{ path: / }]')
  const run = new Run(
    {
      ...{ order: order('burst', [target.url]), transaction, run: 'a', number: 1 },
      ...{ rate: 10_000, durationMs: 20 },
    },
    new Int32Array(new SharedArrayBuffer(4)),
  )
  const report = await run.done
  t.match(report, { transactions: 200, failed: 0 })
  t.ok(most <= 16, `${most} at a time`)
  t.equal(all, 60, 'and all that the scenario allows')
})
