// The cap on connections to a target holds for all edge threads together. One thread must not fill
// it with connections that only wait: the other's requests would be refused while nothing is in
// flight at all.

import t from 'tap'
import { answering, eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { get, type Wire } from './wire.ts'

const lab = await startLab(2)
t.teardown(() => lab.close())

/** So many that the kernel gives each thread some of them. */
const CLIENTS = 24

/** When all have been answered, the turns of both threads in which they were asked have ended. */
async function turnsEnd(clients: readonly Wire[]): Promise<void> {
  for (const client of clients) await client.ask(get('/__ready'))
}

await t.test('connections that wait at one thread leave the other its share', async (t) => {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => lab.client()))
  const [a, b, c] = clients as [Wire, Wire, Wire]
  // Two of three are clients of the same thread.
  for (const pair of [
    [a, b],
    [b, c],
    [a, c],
  ]) {
    const held: (() => void)[] = []
    let holds = true
    const origin = await lab.origin((socket, request, count) => {
      const answer = (): void => answering('ok')(socket, request, count)
      if (holds) held.push(answer)
      else answer()
    })
    await lab.serve({ stable: [origin.port], limits: { connectionsPerTarget: 2 } })
    for (const client of pair) client.send(get())
    await eventually(() => held.length === 2)
    holds = false
    for (const answer of held) answer()
    for (const client of pair) t.equal((await client.answer()).status, 200)
    await turnsEnd(clients)
    // From here on one request at a time.
    for (const client of clients) t.equal((await client.ask(get())).status, 200)
    t.same((await lab.counts()).stable, { ok: 2 + CLIENTS, evidenceGood: 2 + CLIENTS })
  }
})
