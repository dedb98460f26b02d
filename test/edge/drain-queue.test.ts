// Who has connected when the door closes is served, also when no thread has had the time to accept
// them yet: the kernel resets what waits in the queue of a listener that closes. And a connection
// that was accepted a moment ago and has not said anything is not taken for an idle one.

import t from 'tap'
import { answering, eventually, SETTINGS, startEdge, startOrigin } from './harness.ts'
import { get, open, type Wire } from './wire.ts'

const CLIENTS = 40

/** So many addresses that the thread which reads them does nothing else for a while. */
function manyAddresses(): string[] {
  return Array.from(
    { length: 20_000 },
    (_, i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
  )
}

await t.test('those who wait to be accepted when a drain ends are answered', async (t) => {
  const origin = await startOrigin(answering('ok'))
  const edge = await startEdge({ stable: [origin.port] })
  edge.supervisor.useSettings({ ...SETTINGS, trustedProxies: manyAddresses() })
  // The thread is told to finish while it reads; all of these connect meanwhile, before it hears.
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => open(edge.port)))
  const ended = edge.supervisor.finish({ drainMs: 4000, tunnelDrainMs: 0 })
  for (const client of clients) client.send(get())
  const said = await Promise.all(clients.map(bodyOrReset))
  t.same(new Set(said), new Set(['ok']))
  await ended
  await origin.close()
})

async function bodyOrReset(client: Wire): Promise<string> {
  await eventually(() => client.closed || client.text.endsWith('ok'), 60_000)
  return client.reset ? 'reset' : client.text.slice(-2)
}

await t.test('who has just connected may still say something', async (t) => {
  const origin = await startOrigin(answering('ok'))
  const edge = await startEdge({ stable: [origin.port] })
  const client = await open(edge.port)
  await eventually(() => edge.supervisor.views()[0]?.connections === 1)
  const ended = edge.supervisor.finish({ drainMs: 60_000, tunnelDrainMs: 0 })
  const since = performance.now()
  await eventually(() => performance.now() - since > 60)
  const answer = await client.ask(get())
  t.same([answer.body, answer.field('connection')], ['ok', 'close'])
  await ended
  t.ok(performance.now() - since < 50_000, 'and then nothing is waited for')
  await origin.close()
})
