// Heads of answers: a table of raw bytes with the facts that must come of them, each row cut at
// every byte, and random bytes.

import fc from 'fast-check'
import t from 'tap'
import { MORE, REFUSED } from '../../src/http1/lines.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../src/http1/request-head.ts'
import { ResponseHead, readResponseHead } from '../../src/http1/response-head.ts'

const LIMITS = { responseHeadBytes: 65_536, responseHeaderLines: 256 }

type Facts = Partial<Omit<ResponseHead, 'lines'>> & { readonly rest?: number }

interface Row {
  readonly name: string
  readonly raw: string
  readonly expected: Facts | null
  readonly toHead: boolean
}

const rows: Row[] = []

/** Null: the answer is malformed. */
function row(name: string, raw: string, expected: Facts | null, toHead = false): void {
  rows.push({ name, raw, expected, toHead })
}
function status(text: string, expected: Facts | null): void {
  row(JSON.stringify(text), `${text}\r\nContent-Length: 0\r\n\r\n`, expected)
}
function fields(name: string, text: string, expected: Facts | null): void {
  row(name, `HTTP/1.1 200 OK\r\n${text}\r\n\r\n`, expected)
}

// --- the status line --------------------------------------------------------------------------

status('HTTP/1.1 200 OK', { status: 200, reason: 'OK', minor: 1, keepAlive: true })
status('HTTP/1.1 404 Not Found', { status: 404, reason: 'Not Found' })
status('HTTP/1.1 200 NK', { status: 200, reason: 'NK' })
status('HTTP/1.1 200 ok', { status: 200, reason: 'ok' })
status('HTTP/1.1 200 ', { status: 200, reason: '' })
status('HTTP/1.1 200', { status: 200, reason: '' })
status('HTTP/1.1 599 \xe9\t!', { status: 599, reason: '\xe9\t!' })
status('HTTP/1.0 200 OK', { minor: 0, keepAlive: false })
status('HTTP/1.7 200 OK', { minor: 1 })
status('HTTP/1.1 099 x', null)
status('HTTP/1.1 600 x', null)
status('HTTP/1.1 20 x', null)
status('HTTP/1.1 2000 x', null)
status('HTTP/1.1 2x0 x', null)
status('HTTP/1.1  200 OK', null)
status('HTTP/1.1\t200 OK', null)
status('HTTP/2.0 200 OK', null)
status('http/1.1 200 OK', null)
status('HTTP/1.x 200 OK', null)
status('ICY 200 OK', null)
status(' HTTP/1.1 200 OK', null)
status('\r\nHTTP/1.1 200 OK', null)
status('HTTP/1.1 200 O\0K', null)
status('HTTP/1.1 200 O\rK', null)
row('LF after the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n', null)
row('LF after an empty reason', 'HTTP/1.1 200\nA: b\r\n\r\n', null)

// --- fields -----------------------------------------------------------------------------------

row('no fields: until close', 'HTTP/1.1 200 OK\r\n\r\nbody', {
  framing: UNTIL_CLOSE,
  contentLength: -1,
  keepAlive: false,
  rest: 4,
})
fields('space before the colon', 'Content-Length : 5', null)
fields('folded line', 'A: b\r\n c', null)
fields('NUL in a value', 'A: \0', null)
fields('LF after a field', 'A: b\nC: d', null)
fields('non-ASCII name', 'X\xe9: y', null)
fields('obs-text value', 'A: \xe9', { framing: UNTIL_CLOSE })
fields('256 lines', Array(256).fill('A: b').join('\r\n'), {})
fields('257 lines', Array(257).fill('A: b').join('\r\n'), null)
const FRAME = 'HTTP/1.1 200 OK\r\nA: \r\n\r\n'.length
fields('a head of 65,536 bytes', `A: ${'b'.repeat(65_536 - FRAME)}`, {})
fields('a head of 65,537 bytes', `A: ${'b'.repeat(65_537 - FRAME)}`, null)

// --- framing ----------------------------------------------------------------------------------

fields('length', 'Content-Length: 5', { framing: BY_LENGTH, contentLength: 5, keepAlive: true })
fields('chunked', 'Transfer-Encoding: Chunked', { framing: CHUNKED, contentLength: -1 })
for (const bad of ['', '-1', '+1', '1, 1', '0x1', '9007199254740992', '1 1']) {
  fields(`length ${JSON.stringify(bad)}`, `Content-Length: ${bad}`, null)
}
fields('two lengths', 'Content-Length: 5\r\nContent-Length: 5', null)
fields('length and coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked', null)
fields('coding and length', 'Transfer-Encoding: chunked\r\nContent-Length: 5', null)
for (const bad of ['', 'gzip', 'gzip, chunked', 'chunked, chunked', 'identity', 'xchunked']) {
  fields(`coding ${JSON.stringify(bad)}`, `Transfer-Encoding: ${bad}`, null)
}
fields('leading zeros', 'Content-Length: 0012', { contentLength: 12 })
fields('a VT before the coding', 'Transfer-Encoding: \x0bchunked', null)
fields('an empty coding and chunked', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked', null)
fields('CR alone after a field', 'A: b\rC: d', null)
fields('no colon', 'Abc', null)
fields('empty name', ': x', null)
fields('folded with an HTAB', 'A: b\r\n\tc', null)
row('space before the first field', 'HTTP/1.1 200 OK\r\n A: b\r\n\r\n', null)
row('CR CR as the empty line', 'HTTP/1.1 200 OK\r\nA: b\r\n\r\r\n', null)
row('LF as the empty line', 'HTTP/1.1 200 OK\r\nA: b\r\n\n', null)
row('no status line', 'A: b\r\n\r\n', null)
row('a body without a head', '<html>', null)
row('a TLS alert', '\x15\x03\x03\x00\x02\x02\x46', null)
fields('chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', null)
row('chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', null)
row('HTTP/1.0 with a length', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n', {
  framing: BY_LENGTH,
  keepAlive: false,
})

// --- no body ----------------------------------------------------------------------------------

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
row('to HEAD, with a length', LENGTH, { framing: NO_BODY, contentLength: 5, keepAlive: true }, true)
row(
  'to HEAD, chunked',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  { framing: NO_BODY, contentLength: -1, keepAlive: true },
  true,
)
row('to HEAD, neither', 'HTTP/1.1 200 OK\r\n\r\n', { framing: NO_BODY, keepAlive: true }, true)
row('304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', {
  framing: NO_BODY,
  contentLength: 5,
  keepAlive: true,
})
row('304 without', 'HTTP/1.1 304 Not Modified\r\n\r\n', { framing: NO_BODY, keepAlive: true })
row('204', 'HTTP/1.1 204 No Content\r\n\r\n', { framing: NO_BODY, keepAlive: true })
row('204 with length 0', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', {
  framing: NO_BODY,
})
row('204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', null)
row('204 chunked', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', null)
row('100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200', { status: 100, framing: NO_BODY, rest: 12 })
row('103', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', { status: 103, framing: NO_BODY })
row('100 with a length', 'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n', null)
row('100 chunked', 'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n', null)
row(
  '101',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nx',
  { status: 101, framing: NO_BODY, upgrade: 'websocket', named: [], rest: 1 },
)
row(
  '101 to two protocols is a list',
  'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n',
  { status: 101, upgrade: 'websocket, h2c' },
)
row('101 that does not say so in Connection', 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n', {
  status: 101,
  upgrade: '',
})
row('101 chunked', 'HTTP/1.1 101 x\r\nTransfer-Encoding: chunked\r\n\r\n', null)
row('100 with length 0', 'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n', {
  framing: NO_BODY,
})
row('204 to HEAD, chunked', 'HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n', null, true)
row('304 chunked', 'HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n', {
  framing: NO_BODY,
  contentLength: -1,
})
row('205 has its framing like others', 'HTTP/1.1 205 x\r\nContent-Length: 5\r\n\r\n', {
  framing: BY_LENGTH,
  contentLength: 5,
})
row(
  'to HEAD, two lengths',
  `HTTP/1.1 200 x\r\n${'Content-Length: 5\r\n'.repeat(2)}\r\n`,
  null,
  true,
)

// --- Connection, Keep-Alive -------------------------------------------------------------------

const SIZED = 'Content-Length: 0\r\n'
fields('close', `${SIZED}Connection: close`, { keepAlive: false })
fields('close in a list', `${SIZED}Connection: X-A, CLOSE`, { keepAlive: false, named: ['x-a'] })
fields('close wins', `${SIZED}Connection: close\r\nConnection: keep-alive`, { keepAlive: false })
row('HTTP/1.0 keep-alive', `HTTP/1.0 200 OK\r\n${SIZED}Connection: Keep-Alive\r\n\r\n`, {
  keepAlive: true,
})
row(
  'HTTP/1.0 close and keep-alive',
  `HTTP/1.0 200 OK\r\n${SIZED}Connection: close, keep-alive\r\n\r\n`,
  { keepAlive: false },
)
row('until close, whatever Connection says', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n', {
  framing: UNTIL_CLOSE,
  keepAlive: false,
})
fields('names', `Connection: a\r\nConnection: b, keep-alive, Upgrade`, { named: ['a', 'b'] })
fields('17 names', `Connection: ${'a,'.repeat(17)}`, null)
fields('32,000 names', `Connection: ${'a,'.repeat(32_000)}`, null)
fields('idle hint alone', 'Keep-Alive: Timeout=15', { keepAliveSeconds: 15 })
fields('idle hint without a number', 'Keep-Alive: timeout=', { keepAliveSeconds: -1 })
fields('idle hint of 7 digits', 'Keep-Alive: timeout=1234567', { keepAliveSeconds: -1 })
fields('idle hint', 'Keep-Alive: timeout=5, max=100', { keepAliveSeconds: 5 })
fields('idle hint, later in the list', 'Keep-Alive: max=100, TIMEOUT=7', { keepAliveSeconds: 7 })
fields('no idle hint', 'Keep-Alive: max=100', { keepAliveSeconds: -1 })
fields('odd idle hint', 'Keep-Alive: timeout=soon', { keepAliveSeconds: -1 })
fields('endless idle hint', 'Keep-Alive: timeout=99999999999999', { keepAliveSeconds: -1 })

const bytesOf = (raw: string): Buffer => Buffer.from(raw, 'latin1')
function read(head: ResponseHead, bytes: Buffer, toHead: boolean): number {
  head.toHead = toHead
  return readResponseHead(head, bytes, 0, bytes.length, LIMITS)
}

await t.test('each row of the table is read as the rule says', async (t) => {
  const head = new ResponseHead()
  for (const { name, raw, expected, toHead } of rows) {
    const end = read(head, bytesOf(raw), toHead)
    if (expected === null) {
      t.equal(end, REFUSED, name)
      continue
    }
    const { rest = 0, ...facts } = expected
    t.equal(end, raw.length - rest, name)
    for (const [fact, value] of Object.entries(facts)) {
      t.same(head[fact as keyof typeof facts], value, `${name}: ${fact}`)
    }
  }
})

await t.test('however the bytes are cut, the verdict is the same', async (t) => {
  const head = new ResponseHead()
  for (const { name, raw, toHead } of rows) {
    const bytes = bytesOf(raw)
    const whole = read(head, bytes, toHead)
    let begun = false
    for (let cut = 0; cut < bytes.length; cut++) {
      if (bytes.length > 4000 && cut > 100 && cut < bytes.length - 100 && cut % 997 !== 0) continue
      const part = read(head, bytes.subarray(0, cut), toHead)
      if (part !== MORE) begun = true
      if (part === MORE ? begun : part !== whole) {
        t.equal(part, whole, `${name}, cut at ${cut}`)
        break
      }
    }
  }
  t.pass(`${rows.length} rows`)
})

await t.test('random changes never throw, and cuts change nothing', async (t) => {
  const head = new ResponseHead()
  const short = fc.constantFrom(...rows.filter(({ raw }) => raw.length < 1000))
  const change = fc.record({
    row: short,
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    cut: fc.nat(),
  })
  fc.assert(
    fc.property(change, ({ row: { raw, toHead }, at, byte, cut }) => {
      const bytes = bytesOf(raw)
      bytes[at % bytes.length] = byte
      const whole = read(head, bytes, toHead)
      if (whole > bytes.length) return false
      const part = read(head, bytes.subarray(0, cut % bytes.length), toHead)
      return part === MORE || part === whole
    }),
    { numRuns: 20_000, seed: 2026 },
  )
  t.pass('20,000 heads')
})
