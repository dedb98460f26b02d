// Ports are reused between threads and in a handover, so a second process on the same port gets its
// share of the connections without an error. That must at least be said.

import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { answering, startEdge, startOrigin } from './harness.ts'

await t.test('the start says when another process listens on the port already', async (t) => {
  const origin = await startOrigin(answering('fine'))
  const first = await startEdge({ stable: [origin.port] })
  t.same(first.shared, [])
  const second = await startEdge({ stable: [origin.port], port: first.port })
  t.equal(second.shared.length, 1)
  t.match(second.shared[0], `Another process listens on 127.0.0.1:${first.port} too`)
  await second.close()
  await first.close()
  await origin.close()
})

await t.test('where the other process does not share its port, that is not said', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()))
  const { port } = other.address() as AddressInfo
  const edge = await startEdge({ stable: [] })
  const address = { host: '127.0.0.1', port }
  const why = 'another process has it for itself, or is of another user (EADDRINUSE)'
  const message = `Cannot listen on 127.0.0.1:${port} as ${why}`
  await t.rejects(edge.supervisor.listen(address), { message })
  const nowhere = edge.supervisor.listen({ host: '192.0.2.1', port: 0 })
  await t.rejects(nowhere, { message: /^Cannot listen on 192\.0\.2\.1:0 as this machine has no/ })
  const six = edge.supervisor.listen({ host: '2001:db8::1', port: 80 })
  await t.rejects(six, { message: /^Cannot listen on \[2001:db8::1\]:80 as / })
  t.same(edge.shared, [])
  await edge.close()
  await new Promise((resolve) => other.close(resolve))
})
