// The request parser against the table of request-cases.ts: each row whole, each row cut at every
// byte, and what no table thinks of, by random bytes.

import fc from 'fast-check'
import t from 'tap'
import { FAULTS } from '../../src/http1/fault.ts'
import { MORE, REFUSED } from '../../src/http1/lines.ts'
import {
  RequestHead,
  type RequestLimits,
  readRequestHead,
  stillWantsMore,
} from '../../src/http1/request-head.ts'
import { LIMITS, REQUEST_CASES } from './request-cases.ts'

const bytesOf = (raw: string): Buffer => Buffer.from(raw, 'latin1')

/** What the parser says, as one comparable word. */
function verdictOf(head: RequestHead, bytes: Buffer, limits?: Partial<RequestLimits>): string {
  const end = readRequestHead(head, bytes, 0, { ...LIMITS, ...limits })
  return end === MORE ? 'more' : end === REFUSED ? head.fault : `ends at ${end}`
}

await t.test('each row of the table is read as the rule says', async (t) => {
  const head = new RequestHead()
  for (const { name, raw, expected, limits } of REQUEST_CASES) {
    const end = readRequestHead(head, bytesOf(raw), 0, { ...LIMITS, ...limits })
    if (typeof expected === 'string') {
      t.equal(end === REFUSED ? head.fault : end, expected, name)
      continue
    }
    const { rest = 0, ...facts } = expected
    t.equal(end === REFUSED ? head.fault : end, raw.length - rest, name)
    for (const [fact, value] of Object.entries(facts)) {
      t.same(head[fact as keyof typeof facts], value, `${name}: ${fact}`)
    }
  }
})

await t.test('where the head begins does not matter', async (t) => {
  const head = new RequestHead()
  const before = 'POST /before HTTP/1.1\r\nX: '
  for (const { name, raw, limits } of REQUEST_CASES) {
    const alone = verdictOf(head, bytesOf(raw), limits)
    const bytes = bytesOf(before + raw)
    const end = readRequestHead(head, bytes, before.length, { ...LIMITS, ...limits })
    const verdict = end === REFUSED ? head.fault : `ends at ${end - before.length}`
    if (verdict !== alone) t.equal(verdict, alone, name)
  }
  t.pass(`${REQUEST_CASES.length} rows`)
})

await t.test('however the bytes are cut, the verdict is the same', async (t) => {
  const head = new RequestHead()
  for (const { name, raw, limits } of REQUEST_CASES) {
    const bytes = bytesOf(raw)
    const whole = verdictOf(head, bytes, limits)
    // Long heads are cut at their beginning, at their end, and here and there between.
    let begun = false
    for (let cut = 0; cut < bytes.length; cut++) {
      if (bytes.length > 4000 && cut > 100 && cut < bytes.length - 100 && cut % 997 !== 0) continue
      const verdict = verdictOf(head, bytes.subarray(0, cut), limits)
      if (verdict !== 'more') begun = true
      if (verdict === 'more' ? begun : verdict !== whole) {
        t.equal(verdict, whole, `${name}, cut at ${cut}`)
        break
      }
    }
  }
  t.pass(`${REQUEST_CASES.length} rows`)
})

await t.test('a head that never ends is refused at its limit', async (t) => {
  const head = new RequestHead()
  for (const raw of ['', '\r\n', 'G', 'GET /', 'GET / HTTP/1.1\r\nHost: a\r\nX: ']) {
    t.equal(verdictOf(head, bytesOf(raw)), 'more', JSON.stringify(raw))
  }
  const endless = bytesOf(`GET / HTTP/1.1\r\nX: ${'y'.repeat(LIMITS.headBytes)}`)
  t.equal(verdictOf(head, endless.subarray(0, LIMITS.headBytes - 1)), 'more')
  t.equal(verdictOf(head, endless.subarray(0, LIMITS.headBytes)), 'head-too-large')
})

await t.test('a refused head shows nothing of the one before it', async (t) => {
  const head = new RequestHead()
  verdictOf(head, bytesOf('POST /secret HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n'))
  verdictOf(head, bytesOf('\x16\x03'))
  t.equal(head.method + head.target, '')
  t.equal(head.lines.count, 0)
})

/** The shortest of five times: the machine may be busy elsewhere during any one of them. */
function shortestMs(work: () => void): number {
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  })
  return Math.min(...times)
}

await t.test('one head takes a bounded time, however it is made', async (t) => {
  const head = new RequestHead()
  const fill = (unit: string): string => unit.repeat(Math.floor(32_000 / unit.length))
  for (const value of [fill('a,'), fill(' '), fill(', '), `a${fill(' ')}b`, fill('close,')]) {
    for (const name of ['Connection', 'TE', 'Expect', 'Via', 'Upgrade', 'Host']) {
      const bytes = bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\n\r\n`)
      const tookMs = shortestMs(() => void readRequestHead(head, bytes, 0, LIMITS))
      // A quadratic reading took 800 ms; 100 ms leave room for a machine that is busy elsewhere.
      if (tookMs > 100) t.fail(`${name}: ${value.slice(0, 6)}… took ${tookMs} ms`)
    }
  }
  t.pass('none took long')
})

await t.test('random bytes never throw, and what is accepted is bounded', async (t) => {
  const head = new RequestHead()
  const piece = fc.oneof(
    fc.constantFrom(
      'GET',
      ' ',
      '/',
      'HTTP/1.1',
      '\r\n',
      '\n',
      '\r',
      ':',
      'Host: a',
      'a',
      ',',
      '\0',
    ),
    fc.constantFrom('Content-Length: ', 'Transfer-Encoding: ', 'chunked', 'Connection: ', 'close'),
    fc.constantFrom('http://', '*', '%2e', '[::1]', 'GET / HTTP/1.1\r\nHost: a\r\n', '\r\n\r\n'),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const bytes = bytesOf(pieces.join(''))
      const whole = verdictOf(head, bytes)
      if (whole.startsWith('ends at')) {
        const end = Number(whole.slice(8))
        return end <= bytes.length && bytes.toString('latin1', end - 4, end) === '\r\n\r\n'
      }
      return whole === 'more' || whole in FAULTS
    }),
    { numRuns: 5000, seed: 2026 },
  )
  t.pass('5,000 heads')
})

await t.test('random heads read the same however they are cut', async (t) => {
  const head = new RequestHead()
  const rows = fc.constantFrom(...REQUEST_CASES.filter(({ raw }) => raw.length < 1000))
  const change = fc.record({
    row: rows,
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    cut: fc.nat(),
  })
  fc.assert(
    fc.property(change, ({ row, at, byte, cut }) => {
      const bytes = bytesOf(row.raw)
      bytes[at % bytes.length] = byte
      const whole = verdictOf(head, bytes)
      const part = verdictOf(head, bytes.subarray(0, cut % bytes.length))
      return part === 'more' || part === whole
    }),
    { numRuns: 20_000, seed: 2026 },
  )
  t.pass('20,000 heads')
})

await t.test(
  'bytes of which it is said unread that more must follow are read as such',
  async (t) => {
    const head = new RequestHead()
    const rows = fc.constantFrom(...REQUEST_CASES.filter(({ raw }) => raw.length < 1000))
    const small = { ...LIMITS, headBytes: 64, targetBytes: 16 }
    let skipped = 0
    const cuts = fc.record({ row: rows, cut: fc.nat(), more: fc.nat(20), tight: fc.boolean() })
    fc.assert(
      fc.property(cuts, ({ row, cut, more, tight }) => {
        const limits = tight ? small : LIMITS
        const bytes = bytesOf(row.raw)
        const from = cut % bytes.length
        if (readRequestHead(head, bytes.subarray(0, from), 0, limits) !== MORE) return true
        const to = Math.min(from + more, bytes.length)
        if (!stillWantsMore(head.lines.open, bytes.subarray(from, to), to, limits)) return true
        skipped++
        return readRequestHead(head, bytes.subarray(0, to), 0, limits) === MORE
      }),
      { numRuns: 20_000, seed: 2026 },
    )
    t.ok(skipped > 1000, `${skipped} readings spared`)
  },
)
