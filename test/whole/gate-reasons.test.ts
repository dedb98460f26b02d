// A synthetic transaction against targets that are no HTTP servers, through a whole node: the gate
// is not passed, says what the target did, and no customer has met the candidate.

import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { Vertex } from '../../bench/lab/vertex.ts'

/** What a target does with a request, and what is said of it. */
const TARGETS: Readonly<Record<string, { does: (socket: Socket) => void; said: RegExp }>> = {
  silent: { does: () => undefined, said: /did not answer within 300 ms/ },
  garbage: {
    does: (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    said: /answered something that is not HTTP/,
  },
  closing: {
    does: (socket) => socket.end(),
    said: /closed the connection before its answer was whole/,
  },
  resetting: { does: (socket) => socket.resetAndDestroy(), said: /reset|closed/ },
  half: {
    does: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    said: /closed the connection before its answer was whole/,
  },
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

await t.test(
  'a target that is no server is a gate that was not passed, with that reason',
  async (t) => {
    const stable = createServer((socket) => socket.destroy())
    const stableUrl = await listen(stable)
    const servers: Server[] = [stable]
    const open = new Set<Socket>()
    const services: Record<string, object> = {}
    for (const [name, { does }] of Object.entries(TARGETS)) {
      const server = createServer((socket) => {
        open.add(socket)
        socket.on('error', () => undefined) // the other side may reset it
        socket.once('data', () => does(socket))
      })
      servers.push(server)
      services[name] = {
        match: { path: `/${name}` },
        versions: { v1: { targets: [stableUrl] }, v2: { targets: [await listen(server)] } },
        routing: { stable: 'v1' },
        deploy_strategy: { gate: [{ synthetic: 'look' }] },
      }
    }
    const vertex = new Vertex({
      ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 1, services },
    })
    mkdirSync(path.join(vertex.folder, 'scenarios'))
    const scenario = { rate: 20, duration: '100ms', timeout: '300ms', steps: [{ path: '/' }] }
    const file = path.join(vertex.folder, 'scenarios', 'look.yaml')
    writeFileSync(file, JSON.stringify(scenario))
    await vertex.start()
    for (const name of Object.keys(TARGETS)) {
      await vertex.ask('POST', `/v1/services/${name}/rollouts`, { body: { version: 'v2' } })
    }
    for (const [name, { said }] of Object.entries(TARGETS)) {
      const probe = async () => (await vertex.service(name)).ended
      const ended = await until(probe, { what: `the gate of ${name}`, withinMs: 60_000 })
      t.match(ended.reason, /gate "look" before 5 % was not passed: /, name)
      t.match(ended.reason, said, name)
    }
    await vertex.end('SIGKILL')
    for (const socket of open) socket.destroy()
    for (const server of servers) server.close()
  },
)
