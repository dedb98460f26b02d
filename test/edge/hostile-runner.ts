// Puts one kind of broken answer before one client in one situation, and says in sentences what
// the client saw that it should not have. Behind the broken answer the client asks once more on the
// same connection: that answer must be right, or the connection closed. And what the board counted
// must be what happened.

import {
  nextNonce,
  type Right,
  type Seen,
  see,
  wrongAnswer,
  wrongFault,
  wrongReset,
} from './hostile-client.ts'
import type { Cause, Kind, Sees } from './hostile-kinds.ts'
import { type HostileOrigin, pathOf, soon } from './hostile-origin.ts'
import type { Lab } from './lab.ts'
import { type Counts, countsOf, type Wire } from './wire.ts'

export interface Situation {
  readonly name: string
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** A good answer before, so that the target's connection is a reused one. */
  readonly warm: boolean
  /** The next request comes in the same packet. */
  readonly pipelined: boolean
  /** The client speaks HTTP/1.0. */
  readonly old: boolean
  /** The client takes trailers. */
  readonly trailers: boolean
  /** The next request comes when Vertex has hung up on the target. */
  readonly patient: boolean
}

export const PLAIN: Situation = {
  name: 'a GET',
  method: 'GET',
  warm: false,
  pipelined: false,
  old: false,
  trailers: false,
  patient: false,
}

export const SITUATIONS: readonly Situation[] = [
  PLAIN,
  { ...PLAIN, name: 'a GET behind a good one', warm: true },
  { ...PLAIN, name: 'two GETs in one packet', pipelined: true },
  { ...PLAIN, name: 'a GET that takes trailers', trailers: true },
  { ...PLAIN, name: 'a HEAD', method: 'HEAD' },
  { ...PLAIN, name: 'a POST', method: 'POST' },
  { ...PLAIN, name: 'a GET of an HTTP/1.0 client', old: true },
]

/** What a client must see of this kind in this situation. */
export function expected(kind: Kind, { method }: Situation): { sees: Sees; cause: Cause } {
  const sees = method === 'HEAD' ? kind.toHead : kind.sees
  return { sees, cause: sees === 'answer' ? 'ok' : kind.cause }
}

export interface Stage {
  readonly lab: Lab
  readonly origin: HostileOrigin
  /** The kinds that the origin plays. */
  readonly kinds: readonly Kind[]
}

export interface Report {
  /** What was wrong, in sentences. */
  readonly complaints: readonly string[]
  /** What the board must have counted. */
  readonly counts: Counts
  /** Whether the connection was closed before the next request was answered. */
  readonly closed: boolean
}

function requestTo(path: string, { method, old, trailers }: Situation): string {
  const extra = trailers ? 'TE: trailers\r\nConnection: TE\r\n' : ''
  const body = method === 'POST' ? 'Content-Length: 5\r\n\r\norder' : '\r\n'
  return `${method} ${path} HTTP/1.${old ? 0 : 1}\r\nHost: shop.example\r\n${extra}${body}`
}

/** Plays one kind to one client of its own. */
export async function confront(stage: Stage, kind: Kind, how: Situation): Promise<Report> {
  const { kinds, lab, origin } = stage
  const wire = await lab.client()
  const complaints: string[] = []
  const complain = (what: string, wrong: string): void => {
    if (wrong !== '') complaints.push(`${kind.name}, ${how.name}: ${what}: ${wrong}`)
  }
  const well = { ...PLAIN, old: how.old }
  let answered = 0
  if (how.warm) {
    const nonce = nextNonce()
    wire.send(requestTo(pathOf(null, kinds, nonce), well))
    complain('the one before', wrongAnswer(await see(wire), rightFor(nonce)))
    answered++
  }
  const nonce = nextNonce()
  const nonceAfter = nextNonce()
  const path = pathOf(kind, kinds, nonce)
  const after = requestTo(pathOf(null, kinds, nonceAfter), well)
  wire.send(requestTo(path, how) + (how.pipelined ? after : ''))
  const seen = await see(wire, { toHead: how.method === 'HEAD' })
  complain('the answer', judge(seen, kind, { how, nonce }))
  if (how.old && seen.how === 'answer') complain('the answer', tooNew(seen))
  if (how.method === 'POST' && origin.asked(path) !== 1) {
    complain('the request', `came ${origin.asked(path)} times`)
  }
  let closed = false
  if (how.patient) await soon(() => !origin.holdsSpoiled())
  if (seen.how === 'answer') {
    const wrong = await follow(wire, how.pipelined ? '' : after, nonceAfter)
    closed = wrong === CLOSED
    if (wrong === '') answered++
    else if (!closed) complain('the one behind', wrong)
  }
  wire.destroy()
  return { complaints, counts: countsFor(expected(kind, how).cause, answered), closed }
}

function rightFor(nonce: string): Right {
  return { nonce, status: 200, empty: false }
}

function judge(seen: Seen, kind: Kind, asked: { how: Situation; nonce: string }): string {
  const { how, nonce } = asked
  const { cause, sees } = expected(kind, how)
  if (sees === 'reset') return wrongReset(seen, nonce)
  if (sees === 'answer') {
    const empty = kind.empty || how.method === 'HEAD'
    return wrongAnswer(seen, { nonce, status: kind.status, empty })
  }
  if (sees === '504') return wrongFault(seen, 504, 'response-timeout')
  return wrongFault(seen, 502, cause === 'reset' ? 'upstream-reset' : 'upstream-malformed')
}

/** What an HTTP/1.0 client cannot read. */
function tooNew(seen: Seen & { how: 'answer' }): string {
  if (seen.interims > 0) return 'interim answers came before it'
  return seen.answer.fields.has('transfer-encoding') ? 'in chunks' : ''
}

const CLOSED = 'closed'

/** Asks for a good answer behind a broken one; CLOSED when the connection has ended instead. */
async function follow(wire: Wire, request: string, nonce: string): Promise<string> {
  if (!wire.ended && !wire.closed && request !== '') wire.send(request)
  const seen = await see(wire)
  if ((seen.how === 'reset' || seen.how === 'closed') && seen.text === '') return CLOSED
  return wrongAnswer(seen, rightFor(nonce))
}

/** What the board must say of one broken answer and of good ones beside it. */
function countsFor(cause: Cause, well: number): Counts {
  if (cause === 'ok') return { ok: well + 1, evidenceGood: well + 1 }
  const good = well === 0 ? {} : { ok: well, evidenceGood: well }
  return { [cause]: 1, evidenceBad: 1, userErrors: 1, ...good }
}

/** Looks at a version's counters before and after: what is wrong with them, or ''. */
export function watchCounts(lab: Lab, slot: number): (counts: Counts) => Promise<string> {
  const { board } = lab.edge
  const before: Record<string, number> = countsOf(board, slot)
  return async (counts) => {
    const difference = (): string => {
      const after: Record<string, number> = countsOf(board, slot)
      const wanted: Record<string, number> = counts
      const names = Object.keys({ ...before, ...after, ...wanted })
      return names
        .map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0), wanted[name] ?? 0] as const)
        .filter(([, found, right]) => found !== right)
        .map(([name, found, right]) => `${name} ${found} instead of ${right}`)
        .join(', ')
    }
    await soon(() => difference() === '', 1000)
    return difference()
  }
}

/** The sum of counters. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {}
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
  }
  return sum
}

/** Does `work` for each item, at most `limit` at a time, and keeps the order of the results. */
export async function each<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const rest = items.entries()
  const worker = async (): Promise<void> => {
    for (const [at, item] of rest) results[at] = await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
  return results
}
