// A client that believes nothing: it reads one answer, strictly, and says how the matter ended. An
// answer counts only when it is whole and carries the nonce of its request; everything else must be
// an answer of Vertex's own, or the end of the connection, and must look like it.

import type { Wire } from './wire.ts'

export interface Received {
  readonly status: number
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>
  /** As latin1, without framing. */
  readonly body: string
}

/**
 * How one request ended. `reset`: the connection broke; `closed`: it ended cleanly, which is the
 * same only when `text` is empty; `garbled`: what came breaks HTTP; `silent`: nothing ended at all.
 */
export type Seen =
  | { readonly how: 'answer'; readonly answer: Received; readonly interims: number }
  | { readonly how: 'reset' | 'closed' | 'garbled' | 'silent'; readonly text: string }

const NONCE_BYTES = 16
const BODY_BYTES = 32

let nonces = 0

/** A new nonce; it begins with a letter that no chunk size can have. */
export function nextNonce(): string {
  return `n${(nonces++).toString(36)}`.padEnd(NONCE_BYTES - 1, '-').concat('z')
}

/** The body that the answer to this nonce must have. */
export function bodyFor(nonce: string): string {
  return `${nonce}${nonce.toUpperCase()}`.slice(0, BODY_BYTES)
}

interface SeeOptions {
  readonly toHead?: boolean
  readonly limitMs?: number
}

/** Reads the next answer, interim ones left out, and takes it off the wire's text. */
export async function see(wire: Wire, options: SeeOptions = {}): Promise<Seen> {
  const { limitMs = 5000, toHead = false } = options
  for (let interims = 0; ; interims++) {
    let read: Reading = 'more'
    let silent = false
    const look = (): boolean => {
      read = readAnswer(wire.text, { toHead, ended: wire.ended })
      return read !== 'more' || wire.closed
    }
    await wire.until(look, limitMs).catch(() => {
      silent = true
    })
    const { text } = wire
    const found = read as Reading
    if (found === 'garbled') return { how: 'garbled', text }
    if (found === 'more') return { how: silent ? 'silent' : wire.reset ? 'reset' : 'closed', text }
    wire.text = text.slice(found.length)
    if (found.answer.status === 101) return { how: 'garbled', text }
    if (found.answer.status >= 200) return { how: 'answer', answer: found.answer, interims }
  }
}

type Reading = 'more' | 'garbled' | { readonly answer: Received; readonly length: number }

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) [\t -~\x80-\xff]*$/
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t -~\x80-\xff]*)$/

interface ReadOptions {
  readonly toHead: boolean
  readonly ended: boolean
}

function readAnswer(text: string, { ended, toHead }: ReadOptions): Reading {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 'more'
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(STATUS_LINE.exec(first)?.[1] ?? 0)
  if (status === 0) return 'garbled'
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = FIELD_LINE.exec(line) ?? []
    const key = name.toLowerCase()
    if (key === '' || (fields.has(key) && isFraming(key))) return 'garbled'
    fields.set(key, value)
  }
  const whole = (body: string, length: number): Reading => ({
    answer: { status, fields, body },
    length,
  })
  const from = end + 4
  const length = fields.get('content-length')
  const coding = fields.get('transfer-encoding')
  if (length !== undefined && (coding !== undefined || !/^\d+$/.test(length))) return 'garbled'
  if (status < 200 || status === 204) {
    return length === undefined && coding === undefined ? whole('', from) : 'garbled'
  }
  if (toHead || status === 304) return whole('', from)
  if (coding === 'chunked') return readChunks(text, from, whole)
  if (coding !== undefined) return 'garbled'
  if (length === undefined) return ended ? whole(text.slice(from), text.length) : 'more'
  const to = from + Number(length)
  return text.length >= to ? whole(text.slice(from, to), to) : 'more'
}

function isFraming(name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding'
}

type Make = (body: string, length: number) => Reading

function readChunks(text: string, from: number, whole: Make): Reading {
  let body = ''
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\n', at)
    if (lineEnd < 0) return 'more'
    const line = text.slice(at, lineEnd + 1)
    if (!/^[0-9a-f]{1,16}\r\n$/i.test(line)) return 'garbled'
    const size = Number.parseInt(line, 16)
    if (size === 0) return readTrailers(text, lineEnd + 1, (_, length) => whole(body, length))
    const to = lineEnd + 1 + size
    if (text.length < to + 2) return 'more'
    if (text.slice(to, to + 2) !== '\r\n') return 'garbled'
    body += text.slice(lineEnd + 1, to)
    at = to + 2
  }
}

function readTrailers(text: string, from: number, whole: Make): Reading {
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return 'more'
    if (lineEnd === at) return whole('', lineEnd + 2)
    if (!FIELD_LINE.test(text.slice(at, lineEnd))) return 'garbled'
    at = lineEnd + 2
  }
}

export interface Right {
  readonly nonce: string
  readonly status: number
  /** HEAD, 204, 304, or a length of 0. */
  readonly empty: boolean
}

/** What is wrong with a sight that should be the right answer; '' when nothing is. */
export function wrongAnswer(seen: Seen, { empty, nonce, status }: Right): string {
  if (seen.how !== 'answer') return `${seen.how}: ${quote(seen.text)}`
  const { answer } = seen
  if (answer.status !== status) return `status ${answer.status} ${cause(answer)}`
  if (answer.fields.get('x-nonce') !== nonce) return `the nonce ${answer.fields.get('x-nonce')}`
  if (answer.body !== (empty ? '' : bodyFor(nonce))) return `the body ${quote(answer.body)}`
  return ''
}

/** What is wrong with a sight that should be an answer of Vertex's own. */
export function wrongFault(seen: Seen, status: number, fault: string): string {
  if (seen.how !== 'answer') return `${seen.how}: ${quote(seen.text)}`
  const { answer } = seen
  if (answer.status === status && cause(answer) === fault) return ''
  return `status ${answer.status} ${cause(answer)}`
}

/** What is wrong with a sight that should be a reset in the midst of the answer to this nonce. */
export function wrongReset(seen: Seen, nonce: string): string {
  if (seen.how !== 'reset') {
    return `${seen.how}: ${seen.how === 'answer' ? describe(seen.answer) : quote(seen.text)}`
  }
  return foreign(seen.text, nonce)
}

/** Whether bytes that came hold somebody else's nonce, or poison. */
function foreign(text: string, nonce: string): string {
  if (text.includes('POISON')) return `poison: ${quote(text)}`
  const others = text.match(/n[0-9a-z]+-+z/g)?.filter((found) => found !== nonce) ?? []
  return others.length === 0 ? '' : `the nonce ${others.join()}`
}

function cause(answer: Received): string {
  return answer.fields.get('x-vertex-error') ?? `'${quote(answer.body)}'`
}

function describe(answer: Received): string {
  return `status ${answer.status} ${cause(answer)}`
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}
