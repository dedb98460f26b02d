// A crowd of clients that ask as soon as they are answered: a turn of the loop is long then, as the
// loop looks again and again for what has come, and each of its requests could want a connection
// of its own. It must not take more of them than there are clients.

import t from 'tap'
import { runLoad, summarise } from '../../bench/lab/load.ts'
import { answering, startOrigin } from './harness.ts'
import { startLab } from './lab.ts'

const CLIENTS = 1500

await t.test('a crowd takes no more connections than it has heads', async (t) => {
  const lab = await startLab()
  t.teardown(() => lab.close())
  let opened = 0
  let open = 0
  let most = 0
  const answer = answering('ok')
  const seen = new Set<unknown>()
  const origin = await startOrigin((socket, request, count) => {
    if (!seen.has(socket)) {
      seen.add(socket)
      opened++
      most = Math.max(most, ++open)
      socket.once('close', () => open--)
    }
    answer(socket, request, count)
  })
  t.teardown(() => origin.close())
  const room = { inFlightPerTarget: 9000, connectionsPerTarget: 9000, waitingPerTarget: 9000 }
  await lab.serve({ stable: [origin.port], limits: { ...room, connections: 9000 } })
  const load = await runLoad({
    ...{ port: lab.port, rate: null, connections: CLIENTS, requests: 30_000, timeoutMs: 60_000 },
  })
  const { failed, requests } = summarise(load)
  t.same({ failed, requests }, { failed: 0, requests: 30_000 })
  t.ok(most <= CLIENTS, `${most} of ${opened} connections at a time for ${CLIENTS} clients`)
})
