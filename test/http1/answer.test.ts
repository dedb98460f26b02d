// Our own answers: each fault makes one that a strict reader takes for a whole answer.

import t from 'tap'
import { faultAnswer, plainAnswer } from '../../src/http1/answer.ts'
import { FAULTS, type Fault } from '../../src/http1/fault.ts'
import { BY_LENGTH } from '../../src/http1/request-head.ts'
import { ResponseHead, readResponseHead } from '../../src/http1/response-head.ts'

const LIMITS = { responseHeadBytes: 65_536, responseHeaderLines: 256 }
const OPTIONS = {
  keepAlive: false,
  oldClient: false,
  problemJson: false,
  toHead: false,
  date: 'now',
}

function read(text: string): { head: ResponseHead; body: string } {
  const head = new ResponseHead()
  const bytes = Buffer.from(text, 'latin1')
  const end = readResponseHead(head, bytes, 0, bytes.length, LIMITS)
  if (end < 0) throw new Error('not an answer')
  return { head, body: bytes.toString('latin1', end) }
}

await t.test('each fault has an answer of its own status, cause and length', async (t) => {
  for (const fault of Object.keys(FAULTS) as Fault[]) {
    const { status, text } = FAULTS[fault]
    const { head, body } = read(faultAnswer(fault, OPTIONS))
    t.equal(head.status, status, fault)
    t.not(head.reason, 'Error', `${fault}: the reason phrase of ${status} is known`)
    t.equal(head.framing, BY_LENGTH)
    t.equal(head.contentLength, body.length)
    t.equal(head.keepAlive, false)
    t.equal(head.lines.valueOf('x-vertex-error'), fault)
    t.equal(head.lines.valueOf('date'), 'now')
    t.equal(head.lines.valueOf('retry-after'), status === 503 ? '1' : null)
    t.equal(head.lines.valueOf('allow') !== null, status === 405)
    t.ok(body.includes(text))
    t.match(body, /^[\x20-\x7e\n]*$/, 'ASCII, so that its length is its bytes')
  }
})

await t.test('as a problem document', async (t) => {
  for (const fault of Object.keys(FAULTS) as Fault[]) {
    const { head, body } = read(faultAnswer(fault, { ...OPTIONS, problemJson: true }))
    t.equal(head.lines.valueOf('content-type'), 'application/problem+json')
    t.equal(head.contentLength, body.length)
    t.match(JSON.parse(body), {
      type: `urn:vertex:problem:${fault}`,
      status: FAULTS[fault].status,
      detail: FAULTS[fault].text,
    })
  }
})

await t.test('to HEAD only the length goes out; an open connection stays open', async (t) => {
  const { head, body } = read(
    faultAnswer('no-service', { ...OPTIONS, toHead: true, keepAlive: true }),
  )
  t.equal(body, '')
  t.ok(head.contentLength > 0)
  t.equal(head.keepAlive, true)
  const ready = read(
    plainAnswer(200, { ...OPTIONS, type: 'text/plain', extra: 'A: b\r\n', body: 'x' }),
  )
  t.equal(ready.head.lines.valueOf('a'), 'b')
  t.equal(ready.body, 'x')
})

await t.test('every fault in the request itself closes, and none of a target does', async (t) => {
  for (const [fault, { status, close, outcome }] of Object.entries(FAULTS)) {
    const own = status < 500 || status === 501 || status === 505 || status === 508
    t.equal(close, own && fault !== 'no-service', fault)
    t.equal(outcome === 'unjudged', own, `${fault} is evidence only when it is a target's`)
  }
})
