// Two readers, one meaning: whatever our parser lets through and writes anew, Node's parser
// (llhttp) reads as exactly one request, with the same method, target, fields and body. Behind
// each request stands a second one that must be found where it begins: if the two disagreed about
// the length of the first by one byte, it would not be.

import fc from 'fast-check'
import t from 'tap'
import { MORE, REFUSED } from '../../src/http1/lines.ts'
import { ForwardedBy, requestHeadOut } from '../../src/http1/forward.ts'
import { BY_LENGTH, CHUNKED, RequestHead, readRequestHead } from '../../src/http1/request-head.ts'
import { type ReadMessage, readByNode } from './node-parser.ts'
import { LIMITS, REQUEST_CASES } from './request-cases.ts'

const STRANGER = new ForwardedBy('192.0.2.7', 'http', false)
const FRIEND = new ForwardedBy('192.0.2.7', 'http', true)
const NEXT = 'GET /next HTTP/1.1\r\nHost: next\r\n\r\n'

/** Names that do not pass by themselves: hop-by-hop, framing, or written by us. */
const NOT_PASSED = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade'],
  ...['transfer-encoding', 'content-length', 'http2-settings', 'proxy-authorization', 'forwarded'],
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id'],
])
const ADDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'via']

type Field = readonly [name: string, value: string]

function fieldsOf(request: ReadMessage): Field[] {
  const fields: Field[] = []
  const { rawHeaders } = request
  for (let i = 0; i < rawHeaders.length; i += 2) {
    fields.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''])
  }
  return fields
}

function valuesOf(fields: readonly Field[], lowerName: string): string[] {
  return fields.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value)
}

/** A body that fits the head as it goes out, and what a reader must make of it. */
function bodyFor(head: RequestHead): { wire: string; body: string } {
  if (head.framing === CHUNKED) return { wire: '3\r\nabc\r\n1\r\n\n\r\n0\r\n\r\n', body: 'abc\n' }
  const body = head.framing === BY_LENGTH ? 'GET / HTTP/1.1\r\n\r\n'.repeat(99) : ''
  return { wire: body.slice(0, head.contentLength), body: body.slice(0, head.contentLength) }
}

// --- generated heads --------------------------------------------------------------------------

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'M-SEARCH']
const NAMES = [
  'X',
  'x-a',
  'X-Forwarded-For',
  'Via',
  'Cookie',
  'TE',
  'Keep-Alive',
  '__proto__',
  'Trailer',
]
const plainName = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/).map((name) => `x${name}`)
const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,40}$/)
const blank = fc.constantFrom('', ' ', '\t', '  ', ' \t ')
const field = fc.tuple(
  fc.oneof(plainName, fc.constantFrom(...NAMES, ...ADDED, 'Forwarded', 'Proxy-Connection')),
  value,
  blank,
  blank,
)
const framing = fc.constantFrom(
  '',
  '',
  'Content-Length: 0',
  'content-length:7',
  'CONTENT-LENGTH: 0012 ',
  'Transfer-Encoding: chunked',
  'transfer-encoding:\tCHUNKED',
)
const request = fc.record({
  method: fc.constantFrom(...METHODS),
  target: fc.stringMatching(/^[\x21\x22\x24-\x7e]{0,60}$/).map((rest) => `/${rest}`),
  host: fc.constantFrom('a', 'A.example:8080', '[::1]:1', '127.0.0.1', 'x_y.'),
  fields: fc.array(field, { maxLength: 12 }),
  framing,
  named: fc.constantFrom('', '', 'close', 'X', 'keep-alive, x-a', 'TE'),
})

await t.test('generated heads: what we forward is read as the same one request', async (t) => {
  const head = new RequestHead()
  fc.assert(
    fc.property(request, fc.boolean(), (made, trusted) => {
      const lines = made.fields.map(
        ([name, text, before, behind]) => `${name}:${before}${text}${behind}`,
      )
      lines.splice(made.fields.length % 3, 0, `Host: ${made.host}`)
      if (made.framing !== '') lines.push(made.framing)
      if (made.named !== '') lines.push(`Connection: ${made.named}`)
      const raw = `${made.method} ${made.target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
      const bytes = Buffer.from(raw, 'latin1')
      const end = readRequestHead(head, bytes, 0, LIMITS)
      if (end !== bytes.length) throw new Error(`refused: ${head.fault}`)
      const out = requestHeadOut(head, trusted ? FRIEND : STRANGER, 'id', '')
      const { wire, body } = bodyFor(head)
      const { messages: requests, fault } = readByNode(out + wire + NEXT)
      if (fault !== '' || requests.length !== 2) throw new Error(`${fault}: ${JSON.stringify(out)}`)
      const [first, next] = requests as [ReadMessage, ReadMessage]
      const fields = fieldsOf(first)
      const gone = new Set(made.named.toLowerCase().split(', '))
      const passed = made.fields
        .map(([name, text]): Field => [name, text.replace(/^[ \t]+|[ \t]+$/g, '')])
        .filter(([name]) => !NOT_PASSED.has(name.toLowerCase()) && !gone.has(name.toLowerCase()))
        .filter(([name]) => !ADDED.includes(name.toLowerCase()))
      const read = fields.filter(
        ([name]) => !NOT_PASSED.has(name.toLowerCase()) && !ADDED.includes(name.toLowerCase()),
      )
      return (
        next.target === '/next' &&
        first.method === made.method &&
        first.target === made.target &&
        first.body === body &&
        JSON.stringify(valuesOf(fields, 'host')) === JSON.stringify([made.host]) &&
        JSON.stringify(read) === JSON.stringify(passed)
      )
    }),
    { numRuns: 2500, seed: 2026 },
  )
  t.pass('2,500 heads')
})

// --- mutated heads ----------------------------------------------------------------------------

// Mostly heads that were good before the change, as a bad one seldom becomes good.
const SHORT = REQUEST_CASES.filter(({ raw }) => raw.length < 1000)
const GOOD = SHORT.filter(({ expected }) => typeof expected !== 'string')
const change = fc.record({
  at: fc.nat(),
  cut: fc.nat(3),
  put: fc.oneof(
    fc.constantFrom('\r\n', '\n', '\r', '\0', ' ', '\t', ':', ',', '\x0b', '\x80', '0', '5', ';'),
    fc.constantFrom(
      'Content-Length: 5\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Host: b\r\n',
      'chunked',
    ),
    fc.constantFrom(
      'HTTP/1.0',
      'http://b',
      '/',
      '?',
      '#',
      'Connection: close, x\r\n',
      '__proto__: 1\r\n',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }).map((text) => text.replace(/[^\0-\xff]/g, '')),
  ),
})
const mutated = fc
  .tuple(
    fc.constantFrom(...GOOD, ...GOOD, ...SHORT),
    fc.array(change, { minLength: 1, maxLength: 2 }),
  )
  .map(([{ raw }, changes]) => {
    let text = raw
    for (const { at, cut, put } of changes) {
      const place = at % text.length
      text = text.slice(0, place) + put + text.slice(place + cut)
    }
    return text
  })

await t.test('mutated heads: nothing gets through that could be read in two ways', async (t) => {
  const head = new RequestHead()
  let forwarded = 0
  let readByBoth = 0
  fc.assert(
    fc.property(mutated, (raw) => {
      const bytes = Buffer.from(raw, 'latin1')
      const end = readRequestHead(head, bytes, 0, LIMITS)
      if (end === MORE || end === REFUSED) return
      const { wire, body } = bodyFor(head)
      if (body.length < head.contentLength) return // too long to try
      forwarded++
      const { host, method, target } = head
      const out = requestHeadOut(head, STRANGER, 'id', '')
      const { messages: requests, fault } = readByNode(out + wire + NEXT)
      // Node knows a fixed list of methods; a made-up one is no difference in meaning.
      if (fault === 'HPE_INVALID_METHOD') return
      const [first, next] = requests
      if (fault !== '' || first === undefined || next?.target !== '/next') {
        throw new Error(`forwarded, but read as ${requests.length} requests ${fault}`)
      }
      if (first.method !== method || first.target !== target || first.body !== body) {
        throw new Error(`forwarded as ${method} ${target}, read as ${first.method} ${first.target}`)
      }
      // And where Node reads the very bytes that came, it must mean the same by them.
      const came = readByNode(raw.slice(0, end) + wire + NEXT)
      const [same] = came.messages
      if (same === undefined || raw.toLowerCase().includes('upgrade')) return
      readByBoth++
      const path = same.target.startsWith('/') ? same.target : target
      if (same.method !== method || path !== target || same.body !== body) {
        throw new Error(`came as ${same.method} ${same.target} ${same.body}`)
      }
      if (same.target.startsWith('/') && (valuesOf(fieldsOf(same), 'host')[0] ?? '') !== host) {
        throw new Error('the hosts differ')
      }
    }),
    { numRuns: 9000, seed: 2026 },
  )
  t.ok(forwarded > 700, `${forwarded} were forwarded`)
  t.ok(readByBoth > 500, `${readByBoth} were read by both as they came`)
})
