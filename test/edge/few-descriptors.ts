// Listens where there are too few file descriptors for all listeners, and says what came of it.

import { once } from 'node:events'
import { connect } from 'node:net'
import { Listeners } from '../../src/edge/listeners.ts'

const notes: string[] = []
const listeners = new Listeners({
  onSocket: (socket) => socket.end('served'),
  note: (text) => notes.push(text),
})
const port = await listeners.listen({ host: '127.0.0.1', port: 0, reusePort: true })
const { count, listening } = listeners
const client = connect(port, '127.0.0.1').setEncoding('latin1')
const [text] = await once(client, 'data')
console.log(JSON.stringify({ count, listening, notes, text }))
client.destroy()
listeners.close()
