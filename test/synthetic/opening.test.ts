// How many connections are being opened at a time: Node tells of each socket that is made.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { SyntheticReport } from '../../src/core/synthetic.ts'
import { Run } from '../../src/synthetic/run.ts'
import { order, scenario } from './lab.ts'
import { ok, TestTarget } from './target.ts'

interface Opened {
  readonly report: SyntheticReport | null
  /** Connections, and how many were being opened at the same time. */
  readonly all: number
  readonly most: number
}

/** Runs 200 transactions that are due within 20 ms against a target that takes 200 ms for each. */
async function burst(t: Test): Promise<Opened> {
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
  const transaction = scenario('burst', 'connections: 60\ntimeout: 20s\nsteps: [{ path: / }]')
  const run = new Run(
    {
      ...{ order: order('burst', [target.url]), transaction, run: 'a', number: 1 },
      ...{ rate: 10_000, durationMs: 20 },
    },
    new Int32Array(new SharedArrayBuffer(4)),
  )
  const report = await run.done
  unsubscribe('net.client.socket', count)
  return { report, all, most }
}

await t.test('a burst opens as many as it needs, but few at a time', async (t) => {
  const { all, most, report } = await burst(t)
  t.match(report, { transactions: 200, failed: 0 })
  t.ok(most <= 16, `${most} at a time`)
  t.equal(all, 60, 'and all that the scenario allows')
})

await t.test('a thread that comes late itself opens as many when they are needed', async (t) => {
  // Nothing else comes to its turn meanwhile.
  const block = (): void => {
    const endMs = performance.now() + 10
    while (performance.now() < endMs);
  }
  const busy = setInterval(block, 1)
  const { all, most, report } = await burst(t)
  clearInterval(busy)
  t.match(report, { transactions: 200, failed: 0 })
  t.ok(most <= 16, `${most} at a time`)
  t.equal(all, 60)
})
