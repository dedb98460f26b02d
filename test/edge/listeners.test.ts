// A crowd that connects at once is let in within a few turns of the loop, whoever else is served.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { Listeners } from '../../src/edge/listeners.ts'

const CROWD = 128

/** The turns of the loop until all of a crowd have been accepted. */
async function turnsUntilIn(reusePort: boolean): Promise<number> {
  const inside: Socket[] = []
  const listeners = new Listeners((socket) => inside.push(socket))
  const port = await listeners.listen({ host: '127.0.0.1', port: 0, reusePort })
  const crowd = Array.from({ length: CROWD }, () => connect(port, '127.0.0.1'))
  let turns = 0
  while (inside.length < CROWD) {
    await new Promise(setImmediate)
    turns++
  }
  for (const socket of [...crowd, ...inside]) socket.destroy()
  listeners.close()
  while (listeners.listening) await new Promise(setImmediate)
  return turns
}

await t.test('a crowd comes in in a few turns', async (t) => {
  t.ok((await turnsUntilIn(false)) >= CROWD, 'one a turn through one listener')
  if (process.platform !== 'linux') return
  // Of 128 that 32 listeners share, more than 40 at one would be a wonder.
  const turns = await turnsUntilIn(true)
  t.ok(turns < 40, `all ${CROWD} were in after ${turns} turns`)
})

await t.test('an address that is taken is refused', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const listeners = new Listeners(() => t.fail('nobody connects'))
  const listen = { host: '127.0.0.1', port, reusePort: true }
  await t.rejects(listeners.listen(listen), { code: 'EADDRINUSE' })
  t.notOk(listeners.listening)
  other.close()
})
