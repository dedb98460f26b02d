// Answers that are broken at random, but so that a seed and a nonce always give the same bytes.
// Only the structure is touched: the status line, names, line ends, framing. Whoever flips a byte
// of a body makes another good answer, which no proxy can tell from the right one; and some
// changes of the structure do so too (a smaller length). Those are left out: Node's own parser
// reads each broken answer first, and one that it finds whole and different is not sent.

import { request } from 'node:http'
import { Duplex } from 'node:stream'
import { bodyFor } from './hostile-client.ts'

/** A source of numbers in [0, 1) that a seed determines (mulberry32). */
export type Random = () => number

export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** FNV-1a of a text's bytes, as eight hex digits. */
export function checkOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

export interface Heard {
  readonly status: number
  readonly nonce: string | undefined
  readonly check: string | undefined
  readonly type: string | undefined
  readonly body: string
}

/** The fields that a checksum speaks of. */
export function checked(fields: ReadonlyMap<string, string>): Omit<Heard, 'status' | 'body'> {
  return {
    nonce: fields.get('x-nonce'),
    check: fields.get('x-check'),
    type: fields.get('content-type'),
  }
}

/** Whether these facts of a head and this body are those that belong to the nonce. */
export function isIntended(heard: Heard, nonce: string, toHead: boolean): boolean {
  const { body, check, nonce: said, status, type } = heard
  if (status !== 200 || said !== nonce || check !== checkFor(nonce)) return false
  return type === 'text/plain' && body === (toHead ? '' : longBody(nonce))
}

function checkFor(nonce: string): string {
  return checkOf(`200 ${nonce} text/plain ${longBody(nonce)}`)
}

/** A body that has neither line ends nor anything that could be the size of a chunk. */
function longBody(nonce: string): string {
  return bodyFor(nonce)
    .replaceAll(/[0-9a-f]/gi, (char) => `zyxwvutsrq`.charAt(char.charCodeAt(0) % 10))
    .repeat(3)
}

export interface Broken {
  readonly bytes: string
  readonly end: 'open' | 'fin' | 'rst'
  /** Where the bytes are cut into packets. */
  readonly cuts: readonly number[]
  /** What was done to them, in order. */
  readonly changes: readonly string[]
  /** What Node's parser makes of them. */
  readonly reading: Reading
}

interface Part {
  readonly text: string
  /** Whether no change may touch it. */
  readonly fixed: boolean
}

const below = (random: Random, limit: number): number => Math.floor(random() * limit)
const pick = <Item>(random: Random, items: readonly Item[]): Item =>
  items[below(random, items.length)] as Item

/** A good answer, in parts, and whether a FIN ends it. */
function goodAnswer(
  random: Random,
  nonce: string,
  toHead: boolean,
): { parts: Part[]; fin: boolean } {
  const body = longBody(nonce)
  const framing = pick(random, ['length', 'length', 'chunks', 'chunks', 'close'] as const)
  const lines = [
    `X-Nonce: ${nonce}`,
    `X-Check: ${checkFor(nonce)}`,
    'Content-Type: text/plain',
    'Keep-Alive: timeout=9',
    'Set-Cookie: a=b; Path=/',
  ]
  if (framing === 'length') lines.push(`Content-Length: ${body.length}`)
  if (framing === 'chunks') lines.push('Transfer-Encoding: chunked')
  if (framing === 'close') lines.push('Connection: close')
  lines.sort(() => random() - 0.5)
  const head = `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`
  const parts: Part[] = [{ text: head, fixed: false }]
  if (toHead) return { parts, fin: false }
  if (framing !== 'chunks') parts.push({ text: body, fixed: true })
  else parts.push(...inChunks(random, body))
  return { parts, fin: framing === 'close' }
}

function inChunks(random: Random, body: string): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < body.length; ) {
    const data = body.slice(at, at + 1 + below(random, 60))
    const extension = random() < 0.2 ? ';a="b"' : ''
    parts.push({ text: `${data.length.toString(16)}${extension}\r\n`, fixed: false })
    parts.push({ text: data, fixed: true }, { text: '\r\n', fixed: false })
    at += data.length
  }
  const trailer = random() < 0.3 ? 'X-Sum: 1\r\n' : ''
  parts.push({ text: `0\r\n${trailer}\r\n`, fixed: false })
  return parts
}

const BYTES = ['\0', '\t', '\n', '\r', ' ', ',', ':', ';', '0', '1', '9', 'a', 'f', '\x7f', '\xff']
const PIECES = [
  ...['\r\n', '\r\n\r\n', '0\r\n\r\n', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 x\r\n\r\n'],
  ...['Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', ' folded\r\n', 'x'.repeat(300)],
  'HTTP/1.1 200 OK\r\nX-Nonce: POISON\r\nContent-Length: 6\r\n\r\nPOISON',
]

/** One change of a text that is structure, and its name. */
type Change = (random: Random, text: string, at: number) => string

const CHANGES: Record<string, Change> = {
  'flips a bit': (random, text, at) => {
    const flipped = text.charCodeAt(at) ^ (1 << below(random, 8))
    return text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1)
  },
  'replaces a byte': (random, text, at) =>
    text.slice(0, at) + pick(random, BYTES) + text.slice(at + 1),
  'inserts a byte': (random, text, at) => text.slice(0, at) + pick(random, BYTES) + text.slice(at),
  'inserts a piece': (random, text, at) =>
    text.slice(0, at) + pick(random, PIECES) + text.slice(at),
  'drops a byte': (_, text, at) => text.slice(0, at) + text.slice(at + 1),
  'drops some': (random, text, at) => text.slice(0, at) + text.slice(at + 1 + below(random, 20)),
  'doubles some': (random, text, at) => text.slice(0, at + 1 + below(random, 40)) + text.slice(at),
  'doubles a line': (_, text, at) => {
    const from = text.lastIndexOf('\r\n', at) + 2
    const to = text.indexOf('\r\n', at) + 2
    return from < 2 || to < 2 ? text + text : text.slice(0, to) + text.slice(from)
  },
}

function change(random: Random, parts: Part[]): string {
  const places = parts.flatMap(({ fixed, text }, i) => (fixed || text === '' ? [] : [i]))
  const place = pick(random, places)
  const { text } = parts[place] as Part
  const name = pick(random, Object.keys(CHANGES))
  const changed = (CHANGES[name] as Change)(random, text, below(random, text.length))
  parts[place] = { text: changed, fixed: false }
  return name
}

/** Changes that are tried until one is left that a proxy can be held responsible for. */
const TRIES = 30

/** The answer to a nonce. */
export async function brokenAnswer(
  random: Random,
  nonce: string,
  toHead: boolean,
): Promise<Broken> {
  for (let left = TRIES; left > 0; left--) {
    const { fin, parts } = goodAnswer(random, nonce, toHead)
    const changes: string[] = []
    const count = pick(random, [0, 0, 1, 1, 1, 1, 2, 3])
    for (let i = 0; i < count; i++) changes.push(change(random, parts))
    let bytes = parts.map(({ text }) => text).join('')
    let end: Broken['end'] = fin ? 'fin' : 'open'
    // A connection that stays open costs a time limit: there are few of them.
    if (random() < 0.15) {
      changes.push('is cut')
      bytes = bytes.slice(0, below(random, bytes.length))
      end = pick(random, ['fin', 'rst'])
    } else if (changes.length > 0) end = random() < 0.06 ? 'open' : pick(random, ['fin', 'rst'])
    if (random() < 0.1) {
      changes.push('has poison behind it')
      bytes += pick(random, PIECES)
    }
    // Bytes behind the end must come with it: in a later turn they may meet another's request.
    const maySplit = changes.every((name) => name === 'is cut') && random() < 0.5
    const cuts = maySplit ? [below(random, bytes.length), below(random, bytes.length)] : []
    const reading = await readByNode(bytes, { end, nonce, toHead })
    if (reading === 'different') continue
    return { bytes, end, cuts: cuts.sort((a, b) => a - b), changes, reading }
  }
  throw new Error('Cannot break an answer as each change made another good one')
}

// --- Node's parser
// --------------------------------------------------------------------------------

/** `different`: whole, but not what was meant. */
export type Reading = 'broken' | 'intended' | 'different'

class Line extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

interface ReadOptions {
  readonly end: Broken['end']
  readonly nonce: string
  readonly toHead: boolean
}

function readByNode(bytes: string, { end, nonce, toHead }: ReadOptions): Promise<Reading> {
  return new Promise((resolve) => {
    const line = new Line()
    line.on('error', () => undefined) // the request hears of it too
    const method = toHead ? 'HEAD' : 'GET'
    const asked = request({ method, host: 'a', createConnection: () => line })
    // What comes behind the end of an answer, even a fault, does not change it.
    let whole = (): boolean => false
    const over = (): void => {
      if (!whole()) resolve('broken')
    }
    asked.on('error', over)
    asked.on('close', over)
    asked.on('upgrade', over)
    asked.on('response', (response) => {
      let body = ''
      whole = () => response.complete
      response.setEncoding('latin1')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', over)
      response.on('end', () => {
        const { rawHeaders, statusCode: status = 0 } = response
        const fields = new Map<string, string>()
        for (let at = 0; at < rawHeaders.length; at += 2) {
          fields.set(rawHeaders[at]?.toLowerCase() ?? '', rawHeaders[at + 1] ?? '')
        }
        const heard = { status, ...checked(fields), body }
        resolve(isIntended(heard, nonce, toHead) ? 'intended' : 'different')
      })
    })
    asked.end()
    // A later minor version is read as 1.1 (RFC 9110 section 2.5), which llhttp does not do.
    line.push(Buffer.from(bytes.replace(/^HTTP\/1\.[2-9]/, 'HTTP/1.1'), 'latin1'))
    if (end === 'fin') line.push(null)
    else setImmediate(() => setImmediate(() => line.destroy(new Error('reset'))))
  })
}
