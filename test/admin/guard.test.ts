import net from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { call, startAdmin } from './harness.ts'

const open = await startAdmin()
const locked = await startAdmin({ token: 'correct horse'.replace(' ', '-') })
t.teardown(async () => {
  await open.stop()
  await locked.stop()
})
const pause = '/v1/services/shop/rollout/pause'

/** Sends bytes as they are and returns the status line's code. */
async function raw(port: number, bytes: string): Promise<number> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(bytes)
  return Number((await text(socket)).split(' ', 2)[1])
}

await t.test('without a token only a loopback Host is answered', async (t) => {
  const get = (host: string) => {
    return raw(open.port, `GET /v1/services HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  }
  for (const host of ['localhost', 'LOCALHOST:9900', '127.0.0.1:1', '127.8.8.8', '[::1]:9900']) {
    t.equal(await get(host), 200, host)
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '',
  ]) {
    t.equal(await get(host), 403, host)
  }
  const change = (host: string) => {
    const head = `POST ${pause} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`
    return raw(open.port, `${head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`)
  }
  t.equal(await change('localhost'), 200)
  t.equal(await change('rebound.example'), 403)
})

await t.test('a web page elsewhere changes nothing', async (t) => {
  const post = (headers: Record<string, string>) => {
    return call(open.url + pause, { method: 'POST', body: {}, headers })
  }
  open.asked.length = 0
  t.equal((await post({ origin: open.url })).status, 200)
  t.equal((await post({ origin: open.url, 'sec-fetch-site': 'same-origin' })).status, 200)
  t.equal(open.asked.length, 2)
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:3000']) {
    const answer = await post({ origin })
    t.equal(answer.status, 403, origin)
    t.match(answer.json, { type: 'urn:vertex:problem:foreign-origin', allowed: [open.url] })
  }
  t.equal((await post({ 'sec-fetch-site': 'cross-site' })).status, 403)
  t.equal(open.asked.length, 2)
})

await t.test('without a token a change must be sent as JSON, even without a body', async (t) => {
  open.asked.length = 0
  for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded']) {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
    const answer = await call(open.url + pause, { method: 'POST', headers })
    t.equal(answer.status, 415, type)
  }
  t.same(open.asked, [])
})

await t.test('no GET changes anything', async (t) => {
  open.asked.length = 0
  for (const path of ['/rollout/pause', '/rollout/abort', '/rollback', '/weight', '/rollouts']) {
    t.equal((await call(`${open.url}/v1/services/shop${path}`)).status, 405, path)
  }
  t.same(open.asked, [])
})

await t.test('with a token everything but the probes needs it', async (t) => {
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  t.equal((await call(`${locked.url}/livez`)).status, 200)
  t.equal((await call(`${locked.url}/readyz`)).status, 200)
  for (const path of ['/v1/services', '/metrics', '/openapi.json', '/v1/journal', '/v1/nope']) {
    const none = await call(locked.url + path)
    t.equal(none.status, 401, path)
    t.match(none.json, { type: 'urn:vertex:problem:token-needed' })
    t.match(none.headers['www-authenticate'], /^Bearer/)
    t.equal((await call(locked.url + path, bearer('wrong'))).status, 401)
    t.not((await call(locked.url + path, bearer('correct-horse'))).status, 401)
  }
  const headers = { authorization: 'bearer correct-horse', host: 'edge.example' }
  t.equal((await call(`${locked.url}/v1/services`, { headers })).status, 200, 'from any Host')
})

await t.test('with a token a change needs no media type, but still no foreign page', async (t) => {
  const headers = { authorization: 'Bearer correct-horse' }
  t.equal((await call(locked.url + pause, { method: 'POST', headers })).status, 200)
  const foreign = { ...headers, origin: 'http://evil.example' }
  t.equal((await call(locked.url + pause, { method: 'POST', headers: foreign })).status, 403)
})

await t.test('without a token the thread does not listen on other addresses', async (t) => {
  await t.rejects(startAdmin({ host: '0.0.0.0' }), { message: /without a token/ })
})

await t.test('what is not HTTP gets 400 and the thread goes on', async (t) => {
  t.equal(await raw(open.port, 'hello\r\n\r\n'), 400)
  t.equal(
    await raw(open.port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
    400,
  )
  t.equal((await call(`${open.url}/livez`)).status, 200)
})
