// The lease among real processes, which are killed and paused: another node takes over within three
// seconds, and at no moment do two of them lead.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Holder } from './holder.ts'
import { RedisServer, until } from './redis-server.ts'

await t.test('one leads, whoever is killed or paused', async (t) => {
  const server = await RedisServer.start(t)
  const holders = ['a', 'b', 'c'].map((node) => new Holder(t, { node, port: server.port }))
  const leader = (): Holder | undefined => holders.find((holder) => holder.leadsNow)
  const another = (than: Holder | undefined): boolean => {
    return leader() !== undefined && leader() !== than
  }
  await until('one leads', { is: () => leader() !== undefined })

  const first = leader()
  await first?.kill()
  await until('another leads', { is: () => another(first), withinMs: 3_000 })

  const second = leader()
  second?.child.kill('SIGSTOP')
  await until('a third leads', { is: () => another(second), withinMs: 3_000 })
  second?.child.kill('SIGCONT')

  server.pause()
  await until('nobody leads', { is: () => leader() === undefined, withinMs: 2_000 })
  server.resume()
  await until('one leads again', { is: () => leader() !== undefined, withinMs: 3_000 })
  await sleep(300) // what both might say at once has to be seen

  const reigns = holders.flatMap((holder) => holder.reigns)
  reigns.sort((one, other) => one.fromMs - other.fromMs)
  const overlaps = reigns.flatMap((reign, index) => {
    const next = reigns[index + 1]
    return next !== undefined && next.fromMs <= reign.toMs ? [[reign, next]] : []
  })
  t.strictSame(overlaps, [], 'never two at once')
  const leases = reigns.map(({ lease }) => lease)
  t.strictSame(
    leases,
    leases.toSorted((one, other) => one - other),
    'numbers only grow',
  )
  t.ok(reigns.length >= 3, 'each has led in its turn')
})
