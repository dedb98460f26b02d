// Response-queue poisoning: a target that sends an answer nobody asked for would have it taken for
// the next request's. What it sends too early is thrown away with its connection, and since it is
// going to do so again, its connections carry one request each from then on.

import t from 'tap'
import { answering, eventually, type Handler } from './harness.ts'
import { startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

function answer(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

type Send = (socket: Parameters<Handler>[0]) => void

const LATER: Readonly<Record<string, Send>> = {
  'in the same packet': () => undefined,
  'in the next turn': (socket) => void setImmediate(() => socket.write(answer('poison'))),
  'a little later': (socket) => void setTimeout(() => socket.write(answer('poison')), 30),
}

/** Answers with the path; behind the first answer comes another one. */
function poisoning(when: string, used: Set<unknown>): Handler {
  return (socket, request, count) => {
    used.add(socket)
    const [, path = ''] = request.split(' ')
    const together = count === 1 && when === 'in the same packet'
    socket.write(answer(path) + (together ? answer('poison') : ''))
    if (count === 1) LATER[when]?.(socket)
  }
}

for (const when of Object.keys(LATER)) {
  await t.test(`an unasked answer ${when} reaches nobody, and it was the last one`, async (t) => {
    const used = new Set<unknown>()
    const origin = await lab.origin(poisoning(when, used))
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    t.equal((await client.ask(get('/first'))).body, '/first')
    // The connection that said too much is gone.
    await eventually(() => origin.connections.size === 0)
    for (let i = 0; i < 10; i++) {
      t.equal((await client.ask(get(`/${i}`))).body, `/${i}`)
    }
    t.equal(used.size, 11, 'its connections are not used again')
    const authority = `127.0.0.1:${origin.port}`
    t.equal(lab.edge.notes.filter((text) => text.includes(authority)).length, 1, 'it is said once')
  })
}

await t.test('a target that behaves keeps its connections', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  for (let i = 0; i < 20; i++) t.equal((await client.ask(get())).body, 'ok')
  t.equal(origin.connections.size, 1)
})
