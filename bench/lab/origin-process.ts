// One measuring origin (origin-server.ts) as a process of its own.

import { monotonicMs } from './clock.ts'
import type { LoadSpec } from './load.ts'
import { LoadGenerator } from './load-generator.ts'
import type { Behaviour, OriginStart } from './origin.ts'
import { OriginServer } from './origin-server.ts'
import { answerParent } from './rpc.ts'

let server: OriginServer
let port = 0

answerParent({
  start: async (argument) => {
    const start = argument as OriginStart
    server = new OriginServer(start)
    port = await server.listen(start.port ?? 0)
    return port
  },
  behave: (argument) => {
    server.behave(argument as Behaviour)
    return monotonicMs()
  },
  refuse: () => {
    server.refuse()
    return monotonicMs()
  },
  accept: () => server.listen(port),
  counts: () => server.counts(),
  report: () => server.report(),
  reset: () => server.reset(),
  load: (argument) => {
    const load = new LoadGenerator(argument as LoadSpec)
    load.start()
    return load.done()
  },
})
