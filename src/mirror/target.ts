// One target as the mirror sends to it, over a pool of connections of undici. To be refused costs
// several times what an answer does, since each attempt makes a socket, an error and a new client;
// a candidate that does not listen would so take more of the machine than one that works. Where a
// target has refused one attempt after the other, those that want a connection therefore wait for
// one of them that knocks, a few times a second: if it is refused they were refused too, and if it
// is let in each opens its own. What waits holds its credit, so the edge threads copy no more than
// that. Before it every one is tried for itself, so that a single refusal is never counted for more
// than one request.

import { Pool } from 'undici'
import type { CopiedRequest } from './outgoing.ts'
import type { Sending, Sent } from './sending.ts'

/** So many refusals without anything else between them are not chance. */
const CERTAIN = 8
/** A refusal comes at once; who knocks for longer than this is waited for no more. */
const KNOCK_MS = 100
/**
 * So long after one has knocked nobody does; those that come meanwhile wait. It is also how late
 * the mirror hears that a candidate has begun to listen. Where copies have less time than twice
 * that it is half of theirs, or most of them would be given up untried.
 */
const REST_MS = 250
/** Connections wait no longer than this: no server closes them sooner, so no reset is a race. */
const IDLE_MS = 1000

interface Waiting {
  readonly sending: Sending
  readonly request: CopiedRequest
}

export class MirrorTarget {
  readonly #pool: Pool
  readonly #restMs: number
  /** Refusals since the last connection that was ready to carry a request. */
  #refused = 0
  #knocking: Sending | null = null
  /** When one knocked last. */
  #knockedMs = Number.NEGATIVE_INFINITY
  #waiting: Waiting[] = []

  /** @param url `http://host:port` */
  constructor(url: string, connectMs: number) {
    this.#restMs = Math.min(REST_MS, connectMs / 2)
    this.#pool = new Pool(url, {
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      connect: { timeout: connectMs },
      // Time is kept in one place (Shadow.sweep), finer than undici does.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Sends a request; what cannot be sent at all ends at once, perhaps during the call. */
  send(sending: Sending, request: CopiedRequest): void {
    if (this.#refused < CERTAIN && this.#waiting.length === 0) {
      this.#begin(sending, request)
      return
    }
    sending.wait()
    this.#waiting.push({ sending, request })
    this.#knock(sending.startedMs)
  }

  /** Lets the oldest of those that wait knock, unless one does or did a moment ago. */
  #knock(nowMs: number): void {
    if (this.#knocking !== null || nowMs - this.#knockedMs < this.#restMs) return
    const at = this.#waiting.findIndex(({ sending }) => !sending.isOver)
    const [first] = this.#waiting.splice(0, at < 0 ? this.#waiting.length : at + 1).slice(-1)
    if (first === undefined || first.sending.isOver) return
    this.#knocking = first.sending
    this.#knockedMs = nowMs
    this.#begin(first.sending, first.request)
  }

  /** Lets one knock for those that wait, and those go that have waited for too long. */
  sweep(nowMs: number): void {
    if (this.#knocking !== null) {
      if (nowMs - this.#knockedMs >= KNOCK_MS) this.#letGo(false)
    } else if (this.#refused < CERTAIN) this.#letGo(false)
    else this.#knock(nowMs)
  }

  #begin(sending: Sending, request: CopiedRequest): void {
    sending.begin(this.#pool, request, (what) => this.#note(sending, what))
  }

  #note(sending: Sending, what: Sent): void {
    if (what === 'refused') this.#refused++
    else if (what === 'started') this.#refused = 0
    if (this.#knocking === sending) this.#letGo(what === 'refused')
  }

  /** Those that have waited are refused too, or each is sent now. */
  #letGo(areRefused: boolean): void {
    this.#knocking = null
    const waiting = this.#waiting
    this.#waiting = []
    for (const { request, sending } of waiting) {
      if (areRefused) sending.refuse()
      else if (!sending.isOver) this.#begin(sending, request)
    }
  }

  /** Ends what is under way. */
  destroy(): void {
    // Whether it closes well interests nobody any more.
    this.#pool.destroy().catch(() => undefined)
  }
}
