// The chunked decoder: each row whole, cut at every byte and byte by byte, with the framing on and
// off; then a round trip through a naive encoder, and random bytes.

import fc from 'fast-check'
import t from 'tap'
import { ChunkedDecoder } from '../../src/http1/chunked.ts'

const BROKEN = 'broken'
const MORE = 'more'

interface Row {
  readonly name: string
  readonly raw: string
  /** The body without framing, or what is wrong. */
  readonly body: string
  /** The body with its framing as it goes on; as `raw` when not given. */
  readonly framed?: string
  readonly ends?: typeof BROKEN | typeof MORE
  /** Bytes behind the body. */
  readonly rest?: number
}

const rows: Row[] = []
const good = (name: string, raw: string, body: string, framed = raw): void => {
  rows.push({ name, raw, body, framed })
}
const broken = (name: string, raw: string, body = ''): void => {
  rows.push({ name, raw, body, ends: BROKEN })
}

good('no data', '0\r\n\r\n', '')
good('one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello')
good('two chunks', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world')
good(
  'hex in both cases',
  'a\r\n0123456789\r\nB\r\n0123456789x\r\n0\r\n\r\n',
  '01234567890123456789x',
)
good('16 digits', '0000000000000001\r\nx\r\n0000000000000000\r\n\r\n', 'x')
good('data that looks like framing', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n')
good('extension', '1;a\r\nx\r\n0\r\n\r\n', 'x', '1\r\nx\r\n0\r\n\r\n')
good('extension with a value', '1;a=b\r\nx\r\n0;c=d\r\n\r\n', 'x', '1\r\nx\r\n0\r\n\r\n')
good('several', '1;a;b=c;d="e;\\"f"\r\nx\r\n0\r\n\r\n', 'x', '1\r\nx\r\n0\r\n\r\n')
good('quoted', '1;a="";b="\t \x80\\\\"\r\nx\r\n0\r\n\r\n', 'x', '1\r\nx\r\n0\r\n\r\n')
good('extension of 256 bytes', `1;${'a'.repeat(255)}\r\nx\r\n0\r\n\r\n`, 'x', '1\r\nx\r\n0\r\n\r\n')
good(
  '256 bytes for each chunk anew',
  `1;${'a'.repeat(255)}\r\nx\r\n1;${'a'.repeat(255)}\r\ny\r\n0\r\n\r\n`,
  'xy',
  '1\r\nx\r\n1\r\ny\r\n0\r\n\r\n',
)
good('trailer', '0\r\nX-Sum: abc\r\n\r\n', '', '0\r\n\r\n')
good('two trailers', '1\r\nx\r\n0\r\nA:\r\nB: \x80\tc\r\n\r\n', 'x', '1\r\nx\r\n0\r\n\r\n')
good('framing in a trailer goes', '0\r\nContent-Length: 5\r\n\r\n', '', '0\r\n\r\n')
good('trailers of 8,192 bytes', `0\r\nX:${'y'.repeat(8186)}\r\n\r\n`, '', '0\r\n\r\n')
rows.push({
  name: 'bytes behind stay',
  raw: '0\r\n\r\nGET /',
  body: '',
  framed: '0\r\n\r\n',
  rest: 5,
})
rows.push({ name: 'half a chunk', raw: '5\r\nhel', body: 'hel', ends: MORE })
rows.push({ name: 'no last chunk', raw: '5\r\nhello\r\n', body: 'hello', ends: MORE })
rows.push({ name: 'no last line', raw: '0\r\n', body: '', ends: MORE })
rows.push({ name: '2^53 − 1', raw: '1fffffffffffff\r\nx', body: 'x', ends: MORE })

broken('no size', '\r\nx')
broken('no digit', 'x\r\n')
broken('17 digits', '00000000000000001\r\n')
broken('2^53', '20000000000000\r\n')
broken('overflow of 64 bits', 'ffffffffffffffff0\r\n')
broken('minus', '-1\r\n')
broken('plus', '+1\r\n')
broken('0x', '0x1\r\n')
broken('underscore', '1_0\r\n')
broken('space before', ' 1\r\n')
broken('space behind', '1 \r\nx')
broken('HTAB behind', '1\t\r\nx')
broken('LF after the size', '1\nx')
broken('CR alone after the size', '1\rx')
broken('LF after the data', '1\r\nx\n0\r\n\r\n', 'x')
broken('CR alone after the data', '1\r\nx\r0\r\n\r\n', 'x')
broken('another byte for the CR after the data', '1\r\nx\n\n0\r\n\r\n', 'x')
broken('too much data', '1\r\nxy\r\n0\r\n\r\n', 'x')
broken('no line end after the data', '1\r\nx0\r\n\r\n', 'x')
for (const extension of [
  '',
  ';',
  'a;',
  ';a',
  '=',
  '=a',
  'a=',
  'a==b',
  'a=b=c',
  'a="b',
  'a="b"c',
  'a="b""c"',
  '"a"',
  'a"b"',
  'a b',
  ' a',
  'a ',
  'a= b',
  'a=b, c',
  'a="\x00"',
  'a="\\\x01"',
  'a\x00',
  'caf\xe9',
]) {
  broken(`extension ${JSON.stringify(extension)}`, `1;${extension}\r\nx\r\n0\r\n\r\n`)
}
broken('LF in an extension', '1;a\nx')
broken('CR in an extension', '1;a\rb\r\nx')
broken('LF in a quoted value', '1;a="\n"\r\nx')
broken('extension of 257 bytes', `1;${'a'.repeat(256)}\r\nx`)
broken('endless quoted value', `1;a="${'a'.repeat(300)}`)
broken('trailer without a colon', '0\r\nX\r\n\r\n')
broken('trailer without a name', '0\r\n: x\r\n\r\n')
broken('space before a trailer', '0\r\n X: y\r\n\r\n')
broken('space before its colon', '0\r\nX : y\r\n\r\n')
broken('folded trailer', '0\r\nX: y\r\n z\r\n\r\n')
broken('NUL in a trailer', '0\r\nX: \0\r\n\r\n')
broken('LF after a trailer', '0\r\nX: y\n\r\n')
broken('CR in a trailer', '0\r\nX: y\rz\r\n\r\n')
broken('LF as the last line', '0\r\n\n')
broken('CR CR as the last line', '0\r\n\r\r\n')
broken('trailers of 8,193 bytes', `0\r\nX:${'y'.repeat(8187)}\r\n\r\n`)

interface Decoded {
  readonly passed: string
  readonly ends: string
  /** Bytes used. */
  readonly end: number
  readonly dataBytes: number
}

/** Decodes the text in pieces that end at the cuts. */
function decode(raw: string, framed: boolean, cuts: readonly number[]): Decoded {
  const decoder = new ChunkedDecoder()
  const bytes = Buffer.from(raw, 'latin1')
  let passed = ''
  let at = 0
  for (const to of [...cuts, bytes.length]) {
    at = decoder.decode(bytes, at, to, framed, (from, until) => {
      passed += bytes.toString('latin1', from, until)
    })
    if (at < to) break
  }
  const ends = decoder.broken ? BROKEN : decoder.done ? 'done' : MORE
  return { passed, ends, end: at, dataBytes: decoder.dataBytes }
}

await t.test('each row is decoded as the rule says', async (t) => {
  for (const { name, raw, body, framed, ends = 'done', rest = 0 } of rows) {
    const off = decode(raw, false, [])
    t.equal(off.ends, ends, name)
    t.equal(off.passed, body, `${name}: body`)
    t.equal(off.dataBytes, body.length, `${name}: counted`)
    if (ends === 'done') t.equal(off.end, raw.length - rest, `${name}: its end`)
    if (framed !== undefined) t.equal(decode(raw, true, []).passed, framed, `${name}: framed`)
  }
})

await t.test('however the bytes are cut, the same bytes pass', async (t) => {
  for (const { name, raw } of rows) {
    for (const framed of [false, true]) {
      const whole = decode(raw, framed, [])
      const each = Array.from({ length: raw.length }, (_, i) => i)
      t.same(decode(raw, framed, each), whole, `${name}, byte by byte`)
      const step = raw.length > 1000 ? 97 : 1
      for (let cut = 0; cut <= raw.length; cut += step) {
        const parts = decode(raw, framed, [cut])
        if (parts.passed !== whole.passed || parts.ends !== whole.ends || parts.end !== whole.end) {
          t.same(parts, whole, `${name}, cut at ${cut}`)
        }
      }
    }
  }
})

await t.test(
  'what passes with its framing on is strict and decodes to the same body',
  async (t) => {
    for (const { name, raw, body, ends } of rows) {
      if (ends !== undefined) continue
      const once = decode(raw, true, []).passed
      t.same(decode(once, false, []).passed, body, name)
      t.equal(decode(once, true, []).passed, once, `${name}, again`)
    }
  },
)

await t.test('a decoder that is reset begins anew, wherever it stood', async (t) => {
  for (const { name, raw } of rows) {
    const decoder = new ChunkedDecoder()
    const bytes = Buffer.from(raw, 'latin1')
    decoder.decode(bytes, 0, bytes.length, true, () => undefined)
    decoder.reset(false)
    let passed = ''
    const next = Buffer.from('1;a\r\nx\r\n0\r\nA: b\r\n\r\n')
    decoder.decode(next, 0, next.length, true, (from, to) => {
      passed += next.toString('latin1', from, to)
    })
    t.equal(passed, '1\r\nx\r\n0\r\n\r\n', name)
    t.equal(decoder.dataBytes, 1)
  }
})

/** Decodes with the trailers kept, byte by byte or whole: what passes, and what is kept. */
function decodeKeeping(raw: string, framed: boolean, step: number): string[] {
  const decoder = new ChunkedDecoder()
  decoder.reset(true)
  const bytes = Buffer.from(raw, 'latin1')
  let passed = ''
  for (let at = 0; at < bytes.length && !decoder.broken; ) {
    const to = Math.min(at + step, bytes.length)
    at = decoder.decode(bytes, at, to, framed, (from, until) => {
      passed += bytes.toString('latin1', from, until)
    })
    if (at < to) break
  }
  return [passed, decoder.trailers, decoder.done ? 'done' : decoder.broken ? 'broken' : 'more']
}

await t.test('trailers that are kept are handed out, and the empty line with them', async (t) => {
  const raw = '3;x="\r"\r\nabc\r\n0\r\nA: b\r\nC:\xe9 \r\n\r\nGET'.replace('\r"', 'y"')
  for (const step of [1, 2, 3, 5, raw.length]) {
    t.same(
      decodeKeeping(raw, true, step),
      ['3\r\nabc\r\n0\r\n', 'A: b\r\nC:\xe9 \r\n', 'done'],
      `${step} bytes at a time`,
    )
    t.same(decodeKeeping(raw, false, step), ['abc', 'A: b\r\nC:\xe9 \r\n', 'done'])
    t.same(decodeKeeping('0\r\n\r\n', true, step), ['0\r\n', '', 'done'])
  }
  t.equal(decodeKeeping('0\r\nA b: c\r\n\r\n', true, 1)[2], 'broken')
  t.equal(decodeKeeping(`0\r\nA: ${'b'.repeat(9000)}\r\n\r\n`, true, 999)[2], 'broken')
})

const token = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/)
const quoted = fc
  .stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,20}$/)
  .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)
const extension = fc
  .tuple(token, fc.option(fc.oneof(token, quoted), { nil: null }))
  .map(([name, value]) => (value === null ? `;${name}` : `;${name}=${value}`))
const chunk = fc.record({
  data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  zeros: fc.nat(4),
  capitals: fc.boolean(),
  extensions: fc.array(extension, { maxLength: 4 }),
})
const trailer = fc.tuple(token, fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,30}$/))
const message = fc.record({
  chunks: fc.array(chunk, { maxLength: 8 }),
  trailers: fc.array(trailer, { maxLength: 3 }),
  cuts: fc.array(fc.nat(), { maxLength: 6 }),
  rest: fc.string({ maxLength: 5 }),
})

await t.test('what an encoder writes comes out again', async (t) => {
  fc.assert(
    fc.property(message, ({ chunks, trailers, cuts, rest }) => {
      let raw = ''
      let plain = ''
      let body = ''
      for (const { data, zeros, capitals, extensions } of chunks) {
        const hex = data.length.toString(16)
        const size = '0'.repeat(zeros) + (capitals ? hex.toUpperCase() : hex)
        const text = Buffer.from(data).toString('latin1')
        raw += `${size}${extensions.join('')}\r\n${text}\r\n`
        plain += `${size}\r\n${text}\r\n`
        body += text
      }
      raw += `0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
      plain += '0\r\n\r\n'
      const at = cuts.map((cut) => cut % raw.length).sort((a, b) => a - b)
      const off = decode(raw + rest, false, at)
      const on = decode(raw + rest, true, at)
      return (
        off.ends === 'done' &&
        off.passed === body &&
        off.end === raw.length &&
        on.passed === plain &&
        on.end === raw.length &&
        on.dataBytes === body.length
      )
    }),
    { numRuns: 2000, seed: 2026 },
  )
  t.pass('2,000 messages')
})

await t.test('random bytes never throw and read the same in pieces', async (t) => {
  const piece = fc.oneof(
    fc.constantFrom('0', '1', 'a', '5\r\nhello\r\n', '\r\n', '\r', '\n', ';', '=', '"', '\\', ' '),
    fc.constantFrom('0\r\n', 'X: y\r\n', ':', '\t', 'ffffffff', '1fffffffffffff'),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) }),
  )
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 20 }), fc.nat(), (pieces, cut) => {
      const raw = pieces.join('')
      for (const framed of [false, true]) {
        const whole = decode(raw, framed, [])
        const parts = decode(raw, framed, [raw.length === 0 ? 0 : cut % raw.length])
        if (parts.passed !== whole.passed || parts.ends !== whole.ends) return false
        // What passes is never more than what came.
        if (whole.passed.length > whole.end || whole.end > raw.length) return false
      }
      return true
    }),
    { numRuns: 10_000, seed: 2026 },
  )
  t.pass('10,000 bodies')
})
