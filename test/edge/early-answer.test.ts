// An app that refuses an upload answers before it has read it, and often closes its connection at
// once. Its answer must reach the client all the same: otherwise a 413, which tells the client what
// to do, would be a 502, which says that the version is broken.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, get, type Wire } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const REFUSAL = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'

/** A target that hands each connection to `onFirst` with its first bytes. */
async function targetPort(onFirst: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => onFirst(socket))
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function uploadHead(length: number): string {
  return `POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${length}\r\n\r\n`
}

/**
 * Uploads in small pieces until an answer begins, but no more than the edge reads over behind it:
 * else it would close, and a client that still writes may not come to read the answer.
 */
async function upload(client: Wire): Promise<void> {
  const piece = Buffer.alloc(8000, 'a')
  client.send(uploadHead(9_000_000))
  for (let i = 0; i < 120 && client.text === '' && !client.closed; i++) {
    client.send(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await t.test('a refusal in front of a reset reaches every client that uploads', async (t) => {
  const CLIENTS = 20
  let waiting: net.Socket[] = []
  const port = await targetPort((socket) => {
    // Some of the upload stays unread, so that closing is a reset. All at once, while all upload.
    waiting.push(socket.pause())
    if (waiting.length < CLIENTS) return
    const all = waiting
    waiting = []
    setTimeout(() => {
      for (const each of all) {
        each.write(REFUSAL)
        each.destroy()
      }
    }, 20)
  })
  await lab.serve({ stable: [port] })
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = await lab.client()
        const uploading = upload(client)
        const answer = await client.answer()
        t.same([answer.status, answer.body, answer.field('connection')], [413, 'big', 'close'])
        await uploading
        client.destroy()
      }),
    )
  }
  const all = 4 * CLIENTS
  t.same((await lab.counts()).stable, { clientError: all, evidenceGood: all })
})

await t.test('a target that resets an upload without an answer is at fault', async (t) => {
  const port = await targetPort((socket) => void setTimeout(() => socket.resetAndDestroy(), 20))
  await lab.serve({ stable: [port] })
  const client = await lab.client()
  const uploading = upload(client)
  const answer = await client.answer()
  t.same([answer.status, answer.field('x-vertex-error')], [502, 'upstream-reset'])
  await uploading
  client.destroy()
  t.same((await lab.counts()).stable, { reset: 1, evidenceBad: 1, userErrors: 1 })
})

await t.test('the short rest of a refused upload is read over', async (t) => {
  const port = await targetPort((socket) => void socket.write(REFUSAL))
  await lab.serve({ stable: [port] })
  const client = await lab.client()
  for (const expect of [false, true]) {
    const head = uploadHead(60_000)
    // Who asks first and does not wait sends the rest, too.
    client.send(expect ? head.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n') : head)
    client.send('part')
    const answer = await client.answer()
    t.same([answer.status, answer.body, answer.field('connection')], [413, 'big', null])
    const rest = bodyOf(59_996)
    client.send(rest.slice(0, 30_000))
    client.send(rest.slice(30_000) + get('/__ready'))
    t.equal((await client.answer()).body, 'ready\n', 'and the connection is used again')
  }
  t.same((await lab.counts()).stable, { clientError: 2, evidenceGood: 2 })
})

await t.test('behind a long rest the connection closes, and the answer is not lost', async (t) => {
  const port = await targetPort((socket) => void socket.write(REFUSAL))
  await lab.serve({ stable: [port] })
  const client = await lab.client()
  client.send(`${uploadHead(70_000)}part`)
  const answer = await client.answer()
  t.same([answer.status, answer.body, answer.field('connection')], [413, 'big', 'close'])
  client.send(bodyOf(69_996) + get('/__ready'))
  await client.gone()
  t.same([client.text, client.reset], ['', false], 'what follows is no request')
})

await t.test('who asks first and is refused need not send a body to go on', async (t) => {
  const port = await targetPort((socket) => void socket.write(REFUSAL))
  await lab.serve({ stable: [port] })
  const client = await lab.client()
  const head = uploadHead(4).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')
  const answer = await client.ask(head)
  // Nobody knows whether the next bytes are the body or a request.
  t.same([answer.status, answer.field('connection')], [413, 'close'])
  client.send(get('/__ready'))
  await eventually(() => client.closed)
  t.equal(client.text, '')
})
