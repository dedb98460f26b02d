// Listens where there are too few file descriptors for all listeners, and says what came of it.

import { Listeners } from '../../src/edge/listeners.ts'

const notes: string[] = []
const listeners = new Listeners({
  onSocket: (socket) => socket.destroy(),
  note: (text) => notes.push(text),
})
const port = await listeners.listen({ host: '127.0.0.1', port: 0, reusePort: true })
const { count, listening } = listeners
console.log(JSON.stringify({ count, listening, notes, hasPort: port > 0 }))
listeners.close()
