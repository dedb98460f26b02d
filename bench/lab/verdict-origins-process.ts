// Many measuring origins (origin-server.ts) in one process, each on a port of its own: the app
// servers of many services at a time, which as processes of their own would fill the machine.

import { monotonicMs } from './clock.ts'
import { OriginServer } from './origin-server.ts'
import { answerParent } from './rpc.ts'
import type { OriginsOrder, OriginsStart } from './verdict-origins.ts'

const servers: OriginServer[] = []

function chosen({ which }: OriginsOrder): OriginServer[] {
  return which.map((number) => {
    const server = servers[number]
    if (server === undefined) throw new Error(`there is no origin ${number}`)
    return server
  })
}

answerParent({
  start: async (argument) => {
    const { versions } = argument as OriginsStart
    const ports: number[] = []
    for (const version of versions) {
      const server = new OriginServer({ version, record: false })
      servers.push(server)
      ports.push(await server.listen(0))
    }
    return ports
  },
  behave: (argument) => {
    const order = argument as OriginsOrder
    for (const server of chosen(order)) server.behave(order.behaviour ?? {})
    return monotonicMs()
  },
  letGo: (argument) => {
    for (const server of chosen(argument as OriginsOrder)) server.letGo()
  },
  counts: (argument) => chosen(argument as OriginsOrder).map((server) => server.counts()),
  reset: (argument) => {
    for (const server of chosen(argument as OriginsOrder)) server.reset()
  },
})
