// What must hold of every message, as one question with two answers: null, or what is wrong.
//
// Of requests: Node's parser reads from what goes on exactly the requests that were accepted, as
// the tables want them, and a following one where it begins; the same bytes in pieces give the
// same; and where Node reads what came, it means the same by it. Of answers likewise.

import { type AnswerOutcome, relayAnswer } from './answer-engine.ts'
import { type AnswerCase, type Case, piecesOf, type RequestCase } from './case.ts'
import {
  ANSWER_OWN,
  copiedOf,
  expectedPath,
  expectedRequest,
  type Expected,
  type Field,
  type Message,
  membersOf,
  readNaively,
  REQUEST_OWN,
  trailersAgree,
  valuesOf,
} from './model.ts'
import {
  NODE_METHODS,
  type ReadMessage,
  readAnswersByNode,
  readByNode,
} from '../http1/node-parser.ts'
import { forwardRequests, type Outcome, type Passed } from './request-engine.ts'

const NEXT = 'GET /next HTTP/1.1\r\nHost: next\r\n\r\n'
const NEXT_ANSWER = 'HTTP/1.1 299 next\r\nContent-Length: 0\r\n\r\n'

/** What is to be done besides the checks that every message gets. */
export interface Thoroughness {
  /** The bytes come one at a time too, which costs ten times as much as all the rest. */
  readonly byteByByte: boolean
  /** Called when a whole message was accepted, so that Node has read it. */
  readonly onAccepted?: () => void
}

/** What is wrong with the way a message is treated, or null. */
export function disagreement(made: Case, how: Thoroughness): string | null {
  return made.kind === 'request' ? wrongRequest(made, how) : wrongAnswer(made, how)
}

/** The same, where a crash is an answer too. */
export function safely(made: Case, how: Thoroughness): string | null {
  try {
    return disagreement(made, how)
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : String(error)}`
  }
}

/** The beginning of a verdict, without what differs from message to message. */
export function kindOf(wrong: string): string {
  return wrong.replace(/[^A-Za-z ,].*$/s, '').slice(0, 16)
}

function everyByte(length: number): number[] {
  return Array.from({ length }, (_, i) => i + 1)
}

function fieldsOf(list: readonly string[]): Field[] {
  const fields: Field[] = []
  for (let i = 0; i < list.length; i += 2) fields.push([list[i] ?? '', list[i + 1] ?? ''])
  return fields
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

// --- requests ---------------------------------------------------------------------------------

function wrongRequest(made: RequestCase, how: Thoroughness): string | null {
  const bytes = Buffer.from(made.text, 'latin1')
  const whole = forwardRequests(bytes, [bytes.length], made.settings)
  const pieces = piecesOf(made.cuts, bytes.length)
  const parts = forwardRequests(bytes, pieces, made.settings)
  if (!alike(whole, parts)) {
    return `cut at ${pieces.join()}: ${whole.end || 'more'} whole, ${parts.end || 'more'} in pieces`
  }
  if (how.byteByByte && bytes.length > 0) {
    const each = forwardRequests(bytes, everyByte(bytes.length), made.settings)
    if (!alike(whole, each)) {
      return `byte by byte: ${whole.end || 'more'} whole, ${each.end || 'more'} in pieces`
    }
  }
  if (whole.passed.some((request) => request.whole)) how.onAccepted?.()
  return wrongAtTarget(made, whole) ?? wrongAsItCame(made, whole)
}

function alike(one: Outcome, other: Outcome): boolean {
  if (one.end !== other.end || one.used !== other.used) return false
  if (one.passed.length !== other.passed.length) return false
  return one.passed.every((request, i) => {
    const twin = other.passed[i]
    if (twin === undefined || request.out !== twin.out) return false
    return request.facts === twin.facts && request.whole === twin.whole
  })
}

/**
 * Node knows a list of methods and no raw non-ASCII in a target. Neither is a difference in
 * meaning, so they are exchanged for what it knows.
 */
function forNode(out: string): string {
  const lineEnd = out.indexOf('\r\n')
  const [method = '', target = '', version] = out.slice(0, lineEnd).split(' ')
  return `${knownMethod(method)} ${knownTarget(target)} ${version}${out.slice(lineEnd)}`
}

function knownMethod(method: string): string {
  return NODE_METHODS.has(method) ? method : 'POST'
}

function knownTarget(target: string): string {
  return target.replace(/[\x80-\xff]/g, '~')
}

function wrongAtTarget(made: RequestCase, { passed }: Outcome): string | null {
  const last = passed.at(-1)
  if (last === undefined) return null
  const follows = last.whole && !last.upgrade
  const stream = passed.map(({ out }) => forNode(out)).join('')
  const { fault, messages, open } = readByNode(follows ? stream + NEXT : stream)
  if (fault !== '') return `forwarded, but Node says ${fault}`
  const count = passed.length + (follows ? 1 : last.whole ? 0 : -1)
  if (messages.length !== count) {
    return `forwarded ${passed.length}, Node reads ${messages.length} of ${count} whole requests`
  }
  if (open === last.whole) return 'Node still waits for more of a whole request, or for none'
  if (follows && messages.at(-1)?.target !== '/next') return 'the next request is lost'
  for (let i = 0; i < passed.length; i++) {
    const read = messages[i]
    const request = passed[i] as Passed
    if (read === undefined || !request.whole) continue
    const wrong = wrongReading(made, request, read)
    if (wrong !== null) return wrong
  }
  return null
}

/** What of a request differs from what must go on; without facts it has passed a real edge. */
export function wrongReading(
  made: RequestCase,
  request: Pick<Passed, 'from' | 'upgrade'> & { readonly facts: string | null },
  read: ReadMessage,
): string | null {
  const { from, upgrade } = request
  const came = readNaively(made.text, from, { bodiless: upgrade, untilClose: false })
  const expected = expectedRequest(came, made.peer, upgrade)
  const { body, method, target } = read
  if (read.upgrade !== upgrade) return 'Node sees another upgrade'
  if (method !== knownMethod(expected.method)) {
    return `the method is ${expected.method}, Node reads ${method}`
  }
  if (target !== knownTarget(expected.target)) {
    return `the target is ${expected.target}, Node reads ${target}`
  }
  if (body !== came.body) return `the body is ${came.body}, Node reads ${body}`
  const agrees = trailersAgree(came, fieldsOf(read.rawTrailers))
  if (!agrees)
    return `the trailers are ${came.trailers.join('|')}, not ${read.rawTrailers.join('|')}`
  const fields = fieldsOf(read.rawHeaders)
  if (request.facts !== null)
    return wrongFacts(request.facts, came, expected) ?? wrongFields(expected, fields)
  // The edge has made an id of its own.
  const id = valuesOf(fields, 'x-request-id').slice(0, 1)
  return wrongFields({ ...expected, own: { ...expected.own, 'x-request-id': id } }, fields)
}

/** What routing and affinity see. */
function wrongFacts(seen: string, came: Message, expected: Expected): string | null {
  const named = valuesOf(came.fields, 'x-a')[0] ?? null
  const host = (expected.own.host?.[0] ?? '').toLowerCase().replace(/:\d*$/, '')
  const facts = ` ${named} ${host.replace(/\.$/, '')} ${expectedPath(expected.target)}`
  return seen.slice(4) === facts ? null : `the facts are ${facts}, not ${seen}`
}

function wrongFields(expected: Expected, read: readonly Field[]): string | null {
  const copied = read.filter(([name]) => !REQUEST_OWN.has(name.toLowerCase()))
  if (!same(copied, expected.copied)) {
    return `the fields are ${expected.copied.join('|')}, Node reads ${copied.join('|')}`
  }
  for (const [name, values] of Object.entries(expected.own)) {
    const found = valuesOf(read, name)
    if (!same(found, values)) return `${name} is [${values.join('|')}], not [${found.join('|')}]`
  }
  return null
}

/** Where Node reads the very bytes that came, it must mean the same by them. */
function wrongAsItCame(made: RequestCase, { passed }: Outcome): string | null {
  for (const { from, upgrade, whole } of passed) {
    if (!whole || upgrade) continue
    const came = readNaively(made.text, from, { bodiless: false, untilClose: false })
    const raw = made.text.slice(from, came.end)
    const { fault, messages } = readByNode(raw + NEXT)
    const [read, next] = messages
    // Node refuses much that is no harm, and after `close` or an upgrade it stops by itself.
    if (read === undefined || read.upgrade) continue
    const [method, target] = came.start.split(' ')
    if (read.method !== method || read.target !== target) {
      return `came as ${read.method} ${read.target}`
    }
    if (read.body !== came.body) return `came with the body ${read.body}`
    if (!same(fieldsOf(read.rawHeaders), came.fields)) return `came with ${read.rawHeaders.join()}`
    if (fault === '' && next?.target !== '/next') return 'came, and hid the next request'
  }
  return null
}

// --- answers ----------------------------------------------------------------------------------

function wrongAnswer(made: AnswerCase, how: Thoroughness): string | null {
  const bytes = Buffer.from(made.text, 'latin1')
  const whole = relayAnswer(bytes, [bytes.length], made.settings)
  const pieces = piecesOf(made.cuts, bytes.length)
  const parts = relayAnswer(bytes, pieces, made.settings)
  if (!alikeAnswers(whole, parts)) {
    return `cut at ${pieces.join()}: ${whole.end} whole, ${parts.end} in pieces`
  }
  if (how.byteByByte && bytes.length > 0) {
    const each = relayAnswer(bytes, everyByte(bytes.length), made.settings)
    if (!alikeAnswers(whole, each)) return `byte by byte: ${whole.end} whole, ${each.end} in pieces`
  }
  if (whole.end === 'whole' || whole.end === 'tunnel') how.onAccepted?.()
  return wrongAtClient(made, whole) ?? wrongAtClient(made, parts)
}

function alikeAnswers(one: AnswerOutcome, other: AnswerOutcome): boolean {
  if (one.end !== other.end || one.used !== other.used) return false
  return one.plain === other.plain && one.heads.join() === other.heads.join()
}

/** What of an answer a client would read differently. */
export function wrongAtClient(made: AnswerCase, { end, heads, out }: AnswerOutcome): string | null {
  const { oldClient, toHead } = made.settings
  const skips = (status: number): boolean =>
    toHead || status < 200 || status === 204 || status === 304
  const closes = /\r\nConnection: close\r\n/.test(out)
  const follows = end === 'whole' && !closes
  const { fault, messages, open } = readAnswersByNode(follows ? out + NEXT_ANSWER : out, skips)
  if (end === 'malformed' || end === 'cut off') {
    // Where the end of the connection is the end of the body, we reset it instead.
    const reset = closes && !/\r\n(Transfer-Encoding|Content-Length):/.test(finalHead(out))
    return wrongBroken(made, heads, messages.length - (reset ? 1 : 0))
  }
  if (fault !== '') return `relayed, but Node says ${fault}`
  if (open) return 'relayed, but Node waits for more'
  if (follows && messages.at(-1)?.status !== 299) return 'the next answer is lost'
  const seen = oldClient ? heads.slice(-1) : heads
  const read = follows ? messages.slice(0, -1) : messages
  if (read.length !== seen.length)
    return `relayed ${seen.length}, Node reads ${read.length} answers`
  for (let i = 0; i < seen.length; i++) {
    const wrong = wrongAnswerReading(made, seen[i] as number, read[i] as ReadMessage)
    if (wrong !== null) return wrong
  }
  return null
}

/** The head of the final answer, behind those of interim ones. */
function finalHead(out: string): string {
  const heads = out.split('\r\n\r\n')
  return `${heads.find((head) => !head.startsWith('HTTP/1.1 1')) ?? ''}\r\n`
}

/** Of an answer that has no end, nobody may read an end. */
function wrongBroken(made: AnswerCase, heads: readonly number[], read: number): string | null {
  const interims = heads.filter((at) => /^HTTP\/1\.\d 1/.test(made.text.slice(at, at + 10))).length
  const whole = made.settings.oldClient ? 0 : interims
  return read > whole ? `broken, but Node reads ${read} whole answers` : null
}

function wrongAnswerReading(made: AnswerCase, at: number, read: ReadMessage): string | null {
  const status = Number(made.text.slice(at + 9, at + 12))
  const bodiless = made.settings.toHead || status < 200 || status === 204 || status === 304
  const came = readNaively(made.text, at, { bodiless, untilClose: true })
  const reason = came.start.slice(13)
  if (read.status !== status) return `the status is ${status}, Node reads ${read.status}`
  if (read.reason !== reason) return `the reason is "${reason}", Node reads "${read.reason}"`
  if (read.body !== came.body) return `the body is ${came.body}, Node reads ${read.body}`
  const fields = fieldsOf(read.rawHeaders)
  const copied = fields.filter(([name]) => !ANSWER_OWN.has(name.toLowerCase()))
  const expected = copiedOf(came.fields, ANSWER_OWN)
  if (!same(copied, expected)) {
    return `the fields are ${expected.join('|')}, Node reads ${copied.join('|')}`
  }
  const wanted = made.settings.trailers && !made.settings.oldClient
  if (!trailersAgree(wanted ? came : { ...came, trailers: [] }, fieldsOf(read.rawTrailers))) {
    return `the trailers are ${came.trailers.join('|')}, Node reads ${read.rawTrailers.join('|')}`
  }
  return status >= 200 ? wrongAnswerFraming(made, came.fields, fields) : null
}

function wrongAnswerFraming(
  made: AnswerCase,
  came: readonly Field[],
  read: readonly Field[],
): string | null {
  const { oldClient } = made.settings
  if (oldClient && valuesOf(read, 'transfer-encoding').length > 0) return 'chunked to HTTP/1.0'
  const lengths = valuesOf(read, 'content-length')
  if (lengths.length > 0 && !same(lengths, valuesOf(came, 'content-length').map(plainNumber))) {
    return `the length is now ${lengths.join()}`
  }
  const dates = valuesOf(read, 'date')
  const removed = membersOf(came, 'connection').includes('date')
  const theirs = removed ? [] : valuesOf(came, 'date')
  if (!same(dates, theirs.length > 0 ? theirs : ['now'])) return `the dates are now ${dates.join()}`
  return null
}

function plainNumber(text: string): string {
  return String(Number(text))
}
