// A crowd that connects at once is let in within a few turns of the loop, whoever else is served.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { unfollowed } from '../../bench/lab/children.ts'
import { Listeners } from '../../src/edge/listeners.ts'

const CROWD = 128

/** The turns of the loop until all of a crowd have been accepted. */
async function turnsUntilIn(reusePort: boolean): Promise<number> {
  const inside: Socket[] = []
  const onSocket = (socket: Socket): void => void inside.push(socket)
  const listeners = new Listeners({ onSocket, note: () => undefined })
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
  const fail = (): void => void t.fail('nobody connects, nothing is told')
  const listeners = new Listeners({ onSocket: fail, note: fail })
  const listen = { host: '127.0.0.1', port, reusePort: true }
  await t.rejects(listeners.listen(listen), { code: 'EADDRINUSE' })
  t.notOk(listeners.listening)
  other.close()
})

await t.test('with too few file descriptors one listener has to do, and serves', async (t) => {
  if (process.platform !== 'linux') return
  const script = join(import.meta.dirname, 'few-descriptors.ts')
  const command = 'ulimit -n 45 && exec "$0" "$1"'
  const { args, file } = unfollowed(['sh', '-c', command, process.execPath, script])
  const { NODE_COMPILE_CACHE, PATH } = process.env
  const env = { NODE_COMPILE_CACHE, PATH }
  const { stdout } = await promisify(execFile)(file, args, { env, timeout: 60_000 })
  t.match(JSON.parse(stdout), {
    ...{ count: 1, listening: true, text: 'served' },
    notes: [/^A thread has one listener instead of 32: .*EMFILE/],
  })
})

await t.test('who is told to close while it opens opens no more', async (t) => {
  const nothing = (): void => undefined
  const listeners = new Listeners({ onSocket: nothing, note: nothing })
  const opening = listeners.listen({ host: 'localhost', port: 0, reusePort: true })
  listeners.close()
  await t.rejects(opening, { message: 'the thread is ending' })
  while (listeners.listening) await new Promise(setImmediate)
  t.equal(listeners.count, 0)
})
