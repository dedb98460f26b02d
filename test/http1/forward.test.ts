// Heads on their way through, as the bytes that go out for the bytes that came in.

import t from 'tap'
import { FIELD, LOOKALIKE } from '../../src/http1/fields.ts'
import {
  ForwardedBy,
  interimHeadOut,
  requestHeadOut,
  responseHeadOut,
  switchingHeadOut,
  timesInVia,
} from '../../src/http1/forward.ts'
import { RequestHead, readRequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead, readResponseHead } from '../../src/http1/response-head.ts'
import { LIMITS } from './request-cases.ts'

const STRANGER = new ForwardedBy('192.0.2.7', 'http', false)
const FRIEND = new ForwardedBy('192.0.2.7', 'https', true)

function parse(lines: readonly string[]): RequestHead {
  const head = new RequestHead()
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const end = readRequestHead(head, bytes, 0, LIMITS)
  if (end !== bytes.length) throw new Error(`not read: ${head.fault}`)
  return head
}

/** The lines that go out for the lines that came in. */
function forward(lines: readonly string[], by = STRANGER, upgrade = ''): string[] {
  const out = requestHeadOut(parse(lines), by, 'id-1', upgrade)
  if (!out.endsWith('\r\n\r\n')) throw new Error('no end')
  return out.slice(0, -4).split('\r\n')
}

await t.test('a set of fields has room for all of them', async (t) => {
  t.ok(Math.max(...Object.values(FIELD)) < LOOKALIKE)
})

const OURS = [
  'X-Forwarded-For: 192.0.2.7',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: a',
  'X-Request-Id: id-1',
  'Via: 1.1 vertex',
]
const GET = 'GET / HTTP/1.1'
const HOST = 'Host: a'

await t.test('the request line and what passes', async (t) => {
  t.same(forward([GET, HOST]), [GET, HOST, ...OURS])
  t.same(
    forward(['GET /a%2F/../b?c HTTP/1.9', 'X: 1', HOST, 'x: 2', 'Y: \x80'])
      // The target goes on as it came, Host comes first, the rest keeps its order and its case.
      .slice(0, 5),
    ['GET /a%2F/../b?c HTTP/1.1', HOST, 'X: 1', 'x: 2', 'Y: \x80'],
  )
  t.same(forward(['GET http://b:81/x HTTP/1.1', HOST]).slice(0, 2), [
    'GET /x HTTP/1.1',
    'Host: b:81',
  ])
  t.same(forward(['OPTIONS http://b HTTP/1.1', HOST])[0], 'OPTIONS * HTTP/1.1')
})

await t.test('white space around values is made tidy, and nothing else is', async (t) => {
  const came = ['A:x', 'B:  x', 'C:\tx', 'D: x ', 'E: x\t', 'F:', 'G: ', 'H:   ', 'I: x  y', 'J: z']
  t.same(forward([GET, ...came, HOST]).slice(2, 12), [
    'A: x',
    'B: x',
    'C: x',
    'D: x',
    'E: x',
    'F: ',
    'G: ',
    'H: ',
    'I: x  y',
    'J: z',
  ])
})

await t.test('hop-by-hop fields go, and all that Connection names', async (t) => {
  const out = forward([
    GET,
    'A: 1',
    'Connection: X-Secret, x-other, close',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'X-SECRET: 1',
    'B: 2',
    'TE: gzip',
    'Trailer: X',
    'Upgrade: websocket',
    'x-Other: 1',
    'HTTP2-Settings: AAA',
    'Proxy-Authorization: Basic x',
    'Authorization: Basic y',
    'Cookie: c=d',
    'C: 3',
    HOST,
  ])
  const kept = ['A: 1', 'B: 2', 'Authorization: Basic y', 'Cookie: c=d', 'C: 3']
  t.same(out, [GET, HOST, ...kept, ...OURS])
})

await t.test('the framing is chosen here', async (t) => {
  const post = 'POST / HTTP/1.1'
  t.same(forward([post, 'CONTENT-LENGTH: 005', HOST]), [post, HOST, ...OURS, 'Content-Length: 5'])
  t.same(forward([post, 'content-length:0', HOST]), [post, HOST, 'content-length: 0', ...OURS])
  t.same(forward([post, HOST, 'Content-Length: 0']), [post, HOST, 'Content-Length: 0', ...OURS])
  const chunked = [post, HOST, ...OURS, 'Transfer-Encoding: chunked']
  t.same(forward([post, 'transfer-encoding: ChUnKeD', HOST]), chunked)
  t.same(forward([post, HOST]), [post, HOST, ...OURS])
})

await t.test('trailers and upgrades are announced as hop-by-hop', async (t) => {
  t.same(forward([GET, HOST, 'TE: x, trailers', 'Connection: TE']), [
    GET,
    HOST,
    ...OURS,
    'TE: trailers',
    'Connection: TE',
  ])
  const upgrade = [GET, HOST, 'Connection: Upgrade', 'Upgrade: WebSocket', 'TE: trailers']
  t.same(forward(upgrade, STRANGER, 'websocket'), [
    GET,
    HOST,
    ...OURS,
    'Connection: Upgrade',
    'Upgrade: websocket',
  ])
  t.same(forward(upgrade.slice(0, 4)), [GET, HOST, ...OURS], 'not offered when not wanted')
})

await t.test('Expect goes on, but not from HTTP/1.0', async (t) => {
  t.same(forward([GET, HOST, 'Expect: 100-continue']), [GET, HOST, 'Expect: 100-continue', ...OURS])
  const out = forward(['GET / HTTP/1.0', HOST, 'Expect: 200-ok'])
  t.same(out.slice(0, 2), [GET, HOST])
  t.notOk(out.some((line) => line.startsWith('Expect')))
  t.ok(out.includes('Via: 1.0 vertex'), 'Via names the version that came')
})

await t.test('HTTP/1.0 without a host goes on with an empty one', async (t) => {
  t.same(forward(['GET / HTTP/1.0']), [
    GET,
    'Host: ',
    'X-Forwarded-For: 192.0.2.7',
    'X-Forwarded-Proto: http',
    'X-Request-Id: id-1',
    'Via: 1.0 vertex',
  ])
})

const CLAIMS = [
  'X-Forwarded-For: 203.0.113.1',
  'X-Forwarded-Proto: gopher',
  'X-Forwarded-Host: b',
  'Forwarded: for=203.0.113.1',
  'X-Request-Id: theirs',
  'X-Forwarded-For: 203.0.113.2',
]

await t.test('a stranger is not believed', async (t) => {
  t.same(forward([GET, HOST, ...CLAIMS, 'Via: 1.1 other']), [GET, HOST, 'Via: 1.1 other', ...OURS])
})

await t.test('a trusted peer is believed and appended to', async (t) => {
  t.same(forward([GET, HOST, ...CLAIMS], FRIEND), [
    GET,
    HOST,
    'X-Forwarded-Proto: gopher',
    'X-Forwarded-Host: b',
    'Forwarded: for=203.0.113.1',
    'X-Request-Id: theirs',
    'X-Forwarded-For: 203.0.113.1, 203.0.113.2, 192.0.2.7',
    'Via: 1.1 vertex',
  ])
  t.same(forward([GET, HOST], FRIEND), [
    GET,
    HOST,
    'X-Forwarded-For: 192.0.2.7',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: a',
    'X-Request-Id: id-1',
    'Via: 1.1 vertex',
  ])
})

await t.test('our name in Via is counted', async (t) => {
  const times = (...via: string[]): number =>
    timesInVia(parse([GET, HOST, ...via.map((value) => `Via: ${value}`)]))
  t.equal(times(), 0)
  t.equal(times('1.1 other'), 0)
  t.equal(times('1.1 vertex'), 1)
  t.equal(times('1.1 vertex, 1.0 fred', 'HTTP/1.1\tVertex'), 2)
  t.equal(times('1.1 vertex-2, 1.1 my vertex, vertex'), 0)
  t.equal(times('2 vertex,1.0  vertex , 1.1 vertex (comment)'), 2)
})

// --- answers ----------------------------------------------------------------------------------

function answer(lines: readonly string[], toHead = false): ResponseHead {
  const head = new ResponseHead()
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const limits = { responseHeadBytes: 65_536, responseHeaderLines: 256 }
  head.toHead = toHead
  const end = readResponseHead(head, bytes, 0, bytes.length, limits)
  if (end !== bytes.length) throw new Error('not read')
  return head
}

const OPEN = {
  framing: 'length',
  keepAlive: true,
  oldClient: false,
  dateLine: 'Date: now\r\n',
  extra: '',
  trailers: false,
} as const
const OK = 'HTTP/1.1 200 OK'

function relay(lines: readonly string[], out: Partial<Parameters<typeof responseHeadOut>[1]> = {}) {
  const text = responseHeadOut(answer(lines), { ...OPEN, ...out })
  if (!text.endsWith('\r\n\r\n')) throw new Error('no end')
  return text.slice(0, -4).split('\r\n')
}

await t.test('an answer loses its hop-by-hop fields and keeps the rest', async (t) => {
  t.same(
    relay([
      'HTTP/1.0 404 Nothing  here',
      'Server: x',
      'Set-Cookie: a=b',
      'Connection: X-Inner, keep-alive',
      'Keep-Alive: timeout=5',
      'X-Inner: 1',
      'Upgrade: h2c',
      'Proxy-Authenticate: Basic',
      'Trailer: X',
      'Set-Cookie:c=d',
      'Content-Length: 05',
      'Date: then',
    ]),
    [
      'HTTP/1.1 404 Nothing  here',
      'Server: x',
      'Set-Cookie: a=b',
      'Set-Cookie: c=d',
      'Date: then',
      'Content-Length: 5',
    ],
  )
})

await t.test(
  'a length that may pass as it came does so only where it is ours to say',
  async (t) => {
    const date = 'Date: d'
    const named = [OK, date, 'Connection: content-length', 'Content-Length: 3']
    t.same(relay(named), [OK, date, 'Content-Length: 3'], 'a target may not have it removed')
    t.same(relay([OK, date, 'Content-Length: 03']), [OK, date, 'Content-Length: 3'])
    t.same(relay([OK, 'content-length:3', date]), [OK, 'content-length: 3', date])
  },
)

await t.test('a first line goes on as it came only if it says what we would', async (t) => {
  t.same(forward(['GET / HTTP/1.7', HOST]), [GET, HOST, ...OURS])
  t.same(forward(['GET http://a/ HTTP/1.1', 'Host: b']), [GET, HOST, ...OURS])
  t.same(forward([GET, 'X: 1', HOST]), [GET, HOST, 'X: 1', ...OURS], 'Host comes first')
  t.same(forward([GET, 'host:   a', 'X: 1']), [GET, 'host: a', 'X: 1', ...OURS])
  const answers = ['HTTP/1.1 200', 'HTTP/1.7 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 200 OK']
  for (const first of answers) {
    const reason = first.endsWith('OK') ? OK : 'HTTP/1.1 200 '
    t.same(relay([first, 'Date: d', 'Content-Length: 3']), [reason, 'Date: d', 'Content-Length: 3'])
  }
})

await t.test('Date is added when the target sent none, and what the edge adds', async (t) => {
  t.same(relay([OK, 'Content-Length: 0'], { extra: 'Set-Cookie: k=v\r\n' }), [
    OK,
    'Content-Length: 0',
    'Date: now',
    'Set-Cookie: k=v',
  ])
})

await t.test('the framing of an answer', async (t) => {
  const date = 'Date: d'
  t.same(relay([OK, date, 'Transfer-Encoding: chunked'], { framing: 'chunked' }), [
    OK,
    date,
    'Transfer-Encoding: chunked',
  ])
  t.same(relay([OK, date], { framing: 'close', keepAlive: false }), [OK, date, 'Connection: close'])
  t.same(relay([OK, date, 'Content-Length: 3'], { oldClient: true }), [
    OK,
    date,
    'Content-Length: 3',
    'Connection: keep-alive',
  ])
  const none = 'HTTP/1.1 204 No Content'
  t.same(relay([none, date, 'Content-Length: 0'], { framing: 'length' }), [none, date])
  const same = 'HTTP/1.1 304 Not Modified'
  t.same(relay([same, date, 'Content-Length: 9'], { framing: 'length' }), [
    same,
    date,
    'Content-Length: 9',
  ])
})

await t.test('to HEAD, the length is information', async (t) => {
  const head = answer([OK, 'Date: d', 'Content-Length: 9'], true)
  t.equal(
    responseHeadOut(head, { ...OPEN, framing: 'length' }),
    `${OK}\r\nDate: d\r\nContent-Length: 9\r\n\r\n`,
  )
})

await t.test('interim answers', async (t) => {
  const hints = answer(['HTTP/1.1 103 Early Hints', 'Link: </a>', 'Connection: x', 'X: y'])
  t.equal(interimHeadOut(hints), 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
  t.equal(interimHeadOut(answer(['HTTP/1.1 100'])), 'HTTP/1.1 100 \r\n\r\n')
})

await t.test('a switch of protocols', async (t) => {
  const head = answer([
    'HTTP/1.1 101 Switching Protocols',
    'upgrade: WebSocket',
    'Sec-WebSocket-Accept: x',
    'connection: upgrade',
  ])
  t.equal(
    switchingHeadOut(head),
    `${[
      'HTTP/1.1 101 Switching Protocols',
      'Sec-WebSocket-Accept: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
    ].join('\r\n')}\r\n\r\n`,
  )
})

await t.test('fields are known by name, whatever the case, and by nothing like it', async (t) => {
  for (const name of Object.keys(FIELD) as (keyof typeof FIELD)[]) {
    const value = name === 'host' ? 'a' : name === 'content-length' ? '5' : 'chunked'
    if (name === 'expect' || name === 'connection') continue
    const first = name === 'host' ? [] : [HOST]
    for (const spelt of [name, name.toUpperCase()]) {
      const { lines } = parse([GET, ...first, `${spelt}: ${value}`])
      t.equal(lines.field(lines.count - 1), FIELD[name], spelt)
      t.equal(lines.valueOf(name), value)
    }
    for (const near of [`${name}x`, name.slice(1), name.replace('t', '~')]) {
      if (near === name || near in FIELD) continue
      const { lines } = parse([GET, HOST, `${near}: x`])
      t.equal(lines.field(1), 0, near)
    }
  }
})
