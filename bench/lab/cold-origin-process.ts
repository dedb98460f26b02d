// Many targets in one process, each on a port of its own. A target answers a POST with the nonce
// that it brought, and closes its connection a fixed time after the last answer, whether a request
// is on its way or not: gunicorn does so after 2 s, uvicorn after 5 s, and neither tells.
//
// Each answer takes some CPU time, as an app's does. While it computes, the process sees neither
// timers nor sockets, and afterwards it sees what is overdue first: a connection whose time ran
// out meanwhile is closed although a request waits in it. That is how the race is lost in reality,
// where a request is on its way for longer than on loopback.

import net from 'node:net'
import { monotonicMs } from './clock.ts'
import type { Arm, OriginCounts } from './cold.ts'
import { answerParent } from './rpc.ts'

let computeMs = 0
const nonces = new Set<string>()
const counts = { posts: 0, repeated: 0, connections: 0, closedIdle: 0 }

function compute(): void {
  const end = monotonicMs() + computeMs
  while (monotonicMs() < end);
}

/** One connection of a target: whole requests in, answers out, closed when its time is over. */
function serve(arm: Arm, socket: net.Socket): void {
  let text = ''
  let timer: NodeJS.Timeout | undefined
  counts.connections++
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearTimeout(timer))
  socket.on('data', (chunk) => {
    text += String(chunk)
    const end = text.indexOf('\r\n\r\n')
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
    if (end < 0 || text.length < end + 4 + length) return
    const nonce = text.slice(end + 4, end + 4 + length)
    text = text.slice(end + 4 + length)
    clearTimeout(timer)
    counts.posts++
    if (nonces.has(nonce)) counts.repeated++
    nonces.add(nonce)
    compute()
    const hint = arm.hints
      ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.round(arm.closesAfterMs / 1000)}\r\n`
      : ''
    socket.write(`HTTP/1.1 200 OK\r\n${hint}Content-Length: ${nonce.length}\r\n\r\n${nonce}`)
    timer = setTimeout(() => {
      counts.closedIdle++
      socket.destroy()
    }, arm.closesAfterMs)
  })
}

function listen(arm: Arm): Promise<number> {
  const server = net.createServer((socket) => serve(arm, socket))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 128 }, () => {
      resolve((server.address() as net.AddressInfo).port)
    })
  })
}

answerParent({
  start: (argument) => {
    const start = argument as { arms: readonly Arm[]; computeMs: number }
    computeMs = start.computeMs
    return Promise.all(start.arms.map(listen))
  },
  counts: (): OriginCounts => counts,
})
