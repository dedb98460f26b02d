// The entry of the admin thread. It makes the server, listens when it is told to, tells the chosen
// port to the control thread, hands events on, and ends when it is told to stop or the line to the
// control thread closes.
// A failure to listen is thrown, so that the one who started the thread gets it as its error.

import { workerData } from 'node:worker_threads'
import type { AdminData } from './admin-data.ts'
import { ControlLink } from './control-link.ts'
import { EventFeed } from './event-feed.ts'
import { isLoopback } from './guard.ts'
import { createServer } from './server.ts'

/** How long requests that are being answered may take once the thread is told to stop. */
const STOP_LIMIT_MS = 2000

const data = workerData as AdminData

if (data.token === null && !isLoopback(data.listen.host)) {
  throw new Error(
    `Cannot serve the admin API without a token as its address is not loopback: current value is ${data.listen.host}`,
  )
}

const feed = new EventFeed()
const listen = Promise.withResolvers<void>()
const stop = Promise.withResolvers<void>()
const link = new ControlLink(data.port, {
  onEvent: (entry) => feed.publish(entry),
  onListen: () => listen.resolve(),
  onStop: () => stop.resolve(),
})

const app = await createServer(data, { link, feed })
await Promise.race([listen.promise, stop.promise])
await app.listen({ host: data.listen.host, port: data.listen.port })
const address = app.server.address()
link.tellListening(typeof address === 'object' && address !== null ? address.port : 0)

await stop.promise
feed.close()
const force = setTimeout(() => app.server.closeAllConnections(), STOP_LIMIT_MS)
await app.close()
clearTimeout(force)
link.close()
