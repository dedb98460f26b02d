// A crowd of clients that ask as soon as they are answered: a turn of the loop is long then, as the
// loop looks again and again for what has come, and each of its requests could want a connection
// of its own. It must not take more of them than there are clients.

import t, { type Test } from 'tap'
import { runLoad, summarise } from '../../bench/lab/load.ts'
import { answering, startOrigin } from './harness.ts'
import { startLab } from './lab.ts'

const CLIENTS = 1500

async function crowd(t: Test, { body, count }: { body: string; count: number }): Promise<void> {
  const lab = await startLab()
  t.teardown(() => lab.close())
  let opened = 0
  let open = 0
  let most = 0
  const answer = answering(body)
  const seen = new Set<unknown>()
  const origin = await startOrigin((socket, request, before) => {
    if (!seen.has(socket)) {
      seen.add(socket)
      opened++
      most = Math.max(most, ++open)
      socket.once('close', () => open--)
    }
    answer(socket, request, before)
  })
  t.teardown(() => origin.close())
  const room = { inFlightPerTarget: 9000, connectionsPerTarget: 9000, waitingPerTarget: 9000 }
  // The app accepts one connection a turn, and on a busy machine its queue runs over: the kernel
  // tries again after 1, 3 and 7 s.
  const timeouts = { connectMs: 30_000, responseHeadMs: 30_000 }
  await lab.serve({ stable: [origin.port], limits: { ...room, connections: 9000 }, timeouts })
  const load = await runLoad({
    ...{ port: lab.port, rate: null, connections: CLIENTS, requests: count, timeoutMs: 60_000 },
  })
  const { failed, requests } = summarise(load)
  t.same({ failed, requests }, { failed: 0, requests: count })
  t.ok(most <= CLIENTS, `${most} of ${opened} connections at a time for ${CLIENTS} clients`)
}

await t.test('a crowd takes no more connections than it has heads', async (t) => {
  await crowd(t, { body: 'ok', count: 30_000 })
})

// They pass while they come, and not at the end of the turn.
await t.test('nor does it for answers of some size', async (t) => {
  await crowd(t, { body: 'x'.repeat(8192), count: 10_000 })
})
