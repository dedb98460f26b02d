// A crowd of clients that have nothing more to say, as a process of its own: each connection is
// opened, asks small GETs, reads their answers and stays open. Only a few are opened at a time, as
// clients come one after the other and not as a storm.

import net from 'node:net'
import type { CrowdSpec } from './idle.ts'
import { answerParent } from './rpc.ts'

const AT_ONCE = 64
const ANSWER_MS = 20_000
const BLANK_LINE = '\r\n\r\n'

const open = new Set<net.Socket>()

/** Opens one connection and resolves when all its requests have been answered whole. */
function openOne(spec: CrowdSpec): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = `GET / HTTP/1.1\r\nhost: 127.0.0.1:${spec.port}\r\naccept: */*\r\n\r\n`
    const socket = net.connect({ host: '127.0.0.1', port: spec.port, noDelay: true })
    let left = spec.requestsEach
    let text = ''
    const fail = (why: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(`Cannot go on as a connection of the crowd failed: ${why}`))
    }
    const timer = setTimeout(() => fail(`no answer in ${ANSWER_MS} ms`), ANSWER_MS)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += String(chunk)
      const end = text.indexOf(BLANK_LINE)
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)
      if (end < 0 || length === null) return
      if (text.length < end + BLANK_LINE.length + Number(length[1])) return
      if (!text.startsWith('HTTP/1.1 200 ')) return fail(text.slice(0, end))
      text = ''
      if (--left > 0) return void socket.write(request)
      clearTimeout(timer)
      resolve()
    })
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => {
      if (open.delete(socket) && left > 0) fail('it was closed')
    })
    open.add(socket)
    socket.write(request)
  })
}

async function gather(spec: CrowdSpec): Promise<number> {
  let begun = 0
  const one = async (): Promise<void> => {
    while (begun++ < spec.connections) await openOne(spec)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return open.size
}

function disperse(): Promise<void> {
  const closed = [...open].map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.once('close', () => resolve())
        socket.end()
      }),
  )
  return Promise.all(closed).then(() => undefined)
}

answerParent({
  gather: (argument) => gather(argument as CrowdSpec),
  /** How many connections are open still. */
  count: () => open.size,
  disperse,
})
