// The processes that a test starts end with it, also when its time is over before it is.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'

const CHILDREN = new URL('../../bench/lab/children.ts', import.meta.url).href

/** A test that starts a child, which keeps a connection to this port for as long as it lives. */
function script(port: number): string {
  const child = `require('net').connect(${port}, '127.0.0.1')`
  return `
    import { startProgram } from '${CHILDREN}'
    startProgram([process.execPath, '-e', ${JSON.stringify(child)}])
    setInterval(() => {}, 1000)
  `
}

const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
t.teardown(() => server.close())

for (const signal of ['SIGALRM', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  await t.test(`no child outlives a test that is ended by ${signal}`, async (t) => {
    const test = spawn(process.execPath, ['--input-type=module', '-e', script(port)])
    t.teardown(() => test.kill('SIGKILL'))
    const [socket] = (await once(server, 'connection')) as [Socket]
    t.teardown(() => socket.destroy()) // which would end the child too
    socket.on('error', () => {}) // how it closes does not matter
    const closed = once(socket.resume(), 'close', { signal: AbortSignal.timeout(5000) })
    test.kill(signal)
    await once(test, 'exit')
    await t.resolves(closed)
  })
}
