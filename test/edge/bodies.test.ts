// Bodies of every framing and size, byte-exact in both directions, however the packets are cut. A
// short body must never look whole.

import type net from 'node:net'
import t from 'tap'
import { answering, eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, chunked, dechunk, get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const SIZES = [0, 1, 2, 100, 8191, 8192, 8193, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_000]
const CHUNKED_HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const OLD_GET = 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'

/** The body of a request as the origin received it, whatever its framing. */
function bodyIn(request: string): string {
  const at = request.indexOf('\r\n\r\n') + 4
  const isChunked = /^transfer-encoding: chunked\r$/im.test(request.slice(0, at))
  return isChunked ? (dechunk(request, at)?.data ?? 'broken') : request.slice(at)
}

/** Answers with the body that came. */
function echo(socket: net.Socket, request: string): void {
  answering(bodyIn(request))(socket, request, 0)
}

await t.test('a body with a length goes to the target and back byte by byte', async (t) => {
  const origin = await lab.origin(echo)
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  for (const size of SIZES) {
    const body = bodyOf(size)
    const answer = await client.ask(post(body))
    t.ok(answer.body === body, `${size} bytes`)
    t.equal(answer.field('content-length'), String(size))
    t.match(origin.requests.pop(), new RegExp(`^content-length: ${size}\r$`, 'im'))
  }
})

await t.test('a chunked body goes to the target and back byte by byte', async (t) => {
  const origin = await lab.origin((socket, request) => {
    socket.write(CHUNKED_HEAD + chunked(bodyIn(request), 5000), 'latin1')
  })
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const size of SIZES.slice(0, -1)) {
    const body = bodyOf(size)
    const answer = await client.ask(head + chunked(body, 777))
    t.ok(answer.body === body, `${size} bytes`)
    t.equal(answer.field('content-length'), null)
    t.notMatch(origin.requests.pop(), /^content-length/im)
  }
})

await t.test(
  'a body that lasts until the target closes becomes chunked, or stays so',
  async (t) => {
    for (const size of [0, 1, 8193, 200_000]) {
      const body = bodyOf(size)
      const origin = await lab.origin((socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`))
      await lab.serve({ stable: [origin.port] })
      const client = await lab.client()
      for (let i = 0; i < 2; i++) {
        const answer = await client.ask(get())
        t.equal(answer.field('transfer-encoding'), 'chunked')
        t.ok(answer.body === body, `${size} bytes`)
      }
      const old = await lab.ask(OLD_GET)
      t.equal(old.field('transfer-encoding'), null)
      t.equal(old.field('connection'), 'close')
      t.ok(old.body === body, `${size} bytes to an old client`)
    }
  },
)

await t.test('an old client gets the data of a chunked answer without its framing', async (t) => {
  const body = bodyOf(100_000)
  const origin = await lab.origin((socket) => socket.write(CHUNKED_HEAD + chunked(body, 999)))
  await lab.serve({ stable: [origin.port] })
  const answer = await lab.ask(OLD_GET)
  t.equal(answer.field('transfer-encoding'), null)
  t.ok(answer.body === body)
})

await t.test(
  'requests cut at every position, or sent byte by byte, are the same requests',
  async (t) => {
    const origin = await lab.origin(echo)
    await lab.serve({ stable: [origin.port] })
    const head = 'POST / HTTP/1.1\r\nHost: a\r\n'
    const kinds = [
      `${head}Content-Length: 5\r\n\r\nhello`,
      `${head}Transfer-Encoding: chunked\r\n\r\n3;x="y"\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\nCookie: 2\r\n\r\n`,
    ]
    for (const text of kinds) {
      await Promise.all(
        Array.from({ length: text.length + 1 }, async (_, cut) => {
          const client = await lab.client()
          const pieces = cut === 0 ? text.split('') : [text.slice(0, cut), text.slice(cut)]
          await client.sendEach(pieces.filter((piece) => piece !== ''))
          const answer = await client.answer()
          if (answer.status !== 200 || answer.body !== 'hello') t.fail(`cut at ${cut}`)
          client.destroy()
        }),
      )
    }
    const wanted = kinds.reduce((sum, text) => sum + text.length + 1, 0)
    t.equal(origin.requests.length, wanted)
    t.notMatch(origin.requests.join(''), /x="y"|Cookie/, 'neither extensions nor cookies pass')
  },
)

await t.test(
  'answers cut at every position, or sent byte by byte, are the same answers',
  async (t) => {
    const kinds = [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      `${CHUNKED_HEAD}3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n`,
    ]
    const origin = await lab.origin((socket, request) => {
      const [, kind = 0, cut = 0] = /^GET \/(\d+)\/(\d+)/.exec(request) ?? []
      const text = kinds[Number(kind)] ?? ''
      const at = Number(cut)
      const pieces = at === 0 ? text.split('') : [text.slice(0, at), text.slice(at)]
      const next = (): void => {
        const piece = pieces.shift()
        if (piece === undefined) return
        socket.write(piece, 'latin1')
        setImmediate(next)
      }
      next()
    })
    await lab.serve({ stable: [origin.port] })
    for (const [kind, text] of kinds.entries()) {
      await Promise.all(
        Array.from({ length: text.length + 1 }, async (_, cut) => {
          const client = await lab.client()
          let answer = await client.ask(get(`/${kind}/${cut}`))
          if (answer.status === 103) answer = await client.answer()
          if (answer.status !== 200 || answer.body !== 'hello') t.fail(`${kind} cut at ${cut}`)
          client.destroy()
        }),
      )
    }
    t.same((await lab.counts()).stable.reset, undefined)
  },
)

await t.test('HEAD, 204 and 304 have no body, and the connection goes on', async (t) => {
  const answers: Record<string, string> = {
    HEAD: 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
    GET: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "x"\r\n\r\n',
    DELETE: 'HTTP/1.1 204 No Content\r\n\r\n',
    OPTIONS: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  }
  const origin = await lab.origin((socket, request) =>
    socket.write(answers[request.split(' ')[0] ?? ''] ?? ''),
  )
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  for (let i = 0; i < 2; i++) {
    for (const method of Object.keys(answers)) {
      const answer = await client.ask(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`, { toHead: true })
      t.equal(answer.field('transfer-encoding'), null)
      const length = { HEAD: '1000', GET: '500' }[method] ?? null
      t.equal(answer.field('content-length'), length, method)
    }
  }
  t.equal(client.text, '')
  t.equal(origin.connections.size, 1)
})

await t.test(
  'a target that dies in its body resets the client, whatever the framing',
  async (t) => {
    const starts = [
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
      `${CHUNKED_HEAD}5\r\nshort\r\n`,
      'HTTP/1.1 200 OK\r\n\r\nshort',
    ]
    for (const start of starts) {
      for (const how of ['reset', 'end'] as const) {
        if (how === 'end' && start.endsWith('OK\r\n\r\nshort')) continue // that is its whole body
        for (const request of [get(), OLD_GET]) {
          const origin = await lab.origin((socket) => {
            socket.write(start, () => (how === 'reset' ? socket.resetAndDestroy() : socket.end()))
          })
          await lab.serve({ stable: [origin.port] })
          const client = await lab.client()
          client.send(request)
          await client.gone()
          t.ok(client.reset, `${how} after ${start.slice(17)}`)
          t.match((await lab.counts()).stable, { reset: 1, evidenceBad: 1, userErrors: 1 })
        }
      }
    }
  },
)

await t.test('a chunked answer that breaks its framing resets the client', async (t) => {
  const origin = await lab.origin((socket) =>
    socket.write(`${CHUNKED_HEAD}5\r\nhello\r\nzz\r\n0\r\n\r\n`),
  )
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  client.send(get())
  await client.gone()
  t.ok(client.reset)
  t.same((await lab.counts()).stable, { malformed: 1, evidenceBad: 1, userErrors: 1 })
  await eventually(() => origin.connections.size === 0)
})

await t.test(
  'a client that reads slowly gets the whole answer before its connection ends',
  async (t) => {
    const body = bodyOf(12_000_000)
    const origin = await lab.origin((socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`))
    await lab.serve({ stable: [origin.port], timeouts: { responseIdleMs: 20_000 } })
    const client = await lab.client()
    client.send(OLD_GET)
    await client.until(() => client.text.length > 0)
    client.socket.pause()
    await eventually(() => origin.connections.size === 1)
    client.socket.resume()
    await client.until(() => client.ended, 10_000)
    const answer = await client.answer()
    t.ok(answer.body === body, `${answer.body.length} of ${body.length}`)
  },
)

await t.test('a client that sends its last byte early still gets its answer', async (t) => {
  // The body ends while the target is slow to take it: the request's end must not be lost.
  const body = bodyOf(3_000_000)
  const origin = await lab.origin(echo)
  await lab.serve({ stable: [origin.port] })
  const answers = await Promise.all(Array.from({ length: 4 }, () => lab.ask(post(body))))
  for (const answer of answers) t.ok(answer.body === body)
})
