// The client's side of the edge without sockets: the same parser, decoder and writer in the same
// order as edge/client.ts and edge/request.ts have them, fed with bytes that are cut anywhere. What
// comes out is what would stand on the wire to the target, and why it ended.

import { ChunkedDecoder } from '../../src/http1/chunked.ts'
import type { Fault } from '../../src/http1/fault.ts'
import {
  type ForwardedBy,
  type ForwardingRules,
  requestHeadOut,
  timesInVia,
} from '../../src/http1/forward.ts'
import { matchHost } from '../../src/http1/host.ts'
import { MORE, REFUSED } from '../../src/http1/lines.ts'
import { pathOf } from '../../src/http1/path.ts'
import {
  CHUNKED,
  NO_BODY,
  RequestHead,
  type RequestLimits,
  readRequestHead,
  stillWantsMore,
} from '../../src/http1/request-head.ts'
import { passingTrailers } from '../../src/http1/trailers.ts'

export interface RequestSettings {
  readonly limits: RequestLimits
  readonly by: ForwardedBy
  readonly rules: ForwardingRules
}

/** One request as it went on. */
export interface Passed {
  /** The offset of its first byte in what came. */
  readonly from: number
  out: string
  /** Whether all of it has gone on. */
  whole: boolean
  readonly upgrade: boolean
  /**
   * What the connection does after it, a field that is asked for by name, and what routing sees.
   */
  readonly facts: string
}

export interface Outcome {
  readonly passed: readonly Passed[]
  /** Why reading ended; '' while more bytes could come. */
  readonly end: Fault | '' | 'close' | 'tunnel' | 'answered'
  /** The offset up to which bytes were used. */
  readonly used: number
}

const requestHead = new RequestHead()
const decoder = new ChunkedDecoder()

/** Reads what a client sends, in pieces that end at the cuts; the last cut is the length. */
export function forwardRequests(
  bytes: Buffer,
  cuts: readonly number[],
  settings: RequestSettings,
): Outcome {
  const passed: Passed[] = []
  let at = 0
  let left = -1 // of the present body; −1 while a head is read, −2 in a chunked body
  let present: Passed | null = null
  let open = 0 // what the last reading of a head says about bytes that follow
  let seen = 0
  for (const to of cuts) {
    const view = to === bytes.length ? bytes : bytes.subarray(0, to)
    const piece = view.subarray(seen)
    const spared = stillWantsMore(open, piece, to - at, settings.limits)
    seen = to
    open = 0
    for (;;) {
      if (present === null) {
        const end = readRequestHead(requestHead, view, at, settings.limits)
        if (spared && end !== MORE) throw new Error('A head was to want more, unread, and does not')
        if (end === MORE) {
          open = requestHead.lines.open
          break
        }
        if (end === REFUSED) return { passed, end: requestHead.fault, used: at }
        const refused = refusal(requestHead, settings.rules)
        if (refused !== null) return { passed, end: refused, used: at }
        present = begun(requestHead, at, settings)
        passed.push(present)
        at = end
        if (present.upgrade) return { passed, end: 'tunnel', used: at }
        left = requestHead.framing === CHUNKED ? -2 : requestHead.contentLength
        if (left === -2) decoder.reset(true)
      }
      if (left === -2) {
        const request = present
        at = decoder.decode(view, at, to, true, (from, until) => {
          request.out += view.toString('latin1', from, until)
        })
        if (decoder.broken) return { passed, end: 'bad-chunk', used: at }
        if (!decoder.done) break
        present.out += `${passingTrailers(decoder.trailers, requestHead.named)}\r\n`
      } else {
        const take = Math.min(left, to - at)
        present.out += view.toString('latin1', at, at + take)
        at += take
        left -= take
        if (left > 0) break
      }
      present.whole = true
      if (!present.facts.startsWith('open')) return { passed, end: 'close', used: at }
      present = null
    }
  }
  return { passed, end: '', used: at }
}

/** What request.ts looks at before it forwards. */
function refusal(head: RequestHead, rules: ForwardingRules): Fault | 'answered' | null {
  if (pathOf(head) === null) return 'bad-path'
  if (timesInVia(head, rules) > 1) return 'loop'
  return head.maxForwards === 0 ? 'answered' : null
}

function begun(head: RequestHead, from: number, { by, rules }: RequestSettings): Passed {
  const upgrade = head.upgrade === 'websocket' && head.method === 'GET' && head.framing === NO_BODY
  const path = pathOf(head)
  const open = head.keepAlive ? 'open' : 'last'
  return {
    from,
    out: requestHeadOut(head, by, 'id', upgrade ? head.upgrade : '', rules),
    whole: upgrade,
    upgrade,
    facts: `${open} ${head.lines.valueOf('x-a')} ${matchHost(head.host)} ${path}`,
  }
}
