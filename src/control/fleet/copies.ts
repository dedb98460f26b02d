// The copies of a fleet's documents in this node's state directory. A copy that restrains (less
// weight, an end, a pause) is written at once. One that only gives a running rollout more may come
// a moment later, so that a change costs the nodes that follow no disk while others wait for it: a
// node that crashes meanwhile comes back with less than was decided, never with more.

import { mayWait } from '../../core/fleet/kept.ts'
import type { Replica } from '../../core/fleet/replica.ts'
import type { ServiceState } from '../../core/service.ts'
import type { Clock } from '../clock.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Ledger } from '../ledger.ts'

/** So long may a copy wait, for what follows to come with it. */
const WAIT_MS = 100
/** What could not be written is tried again. */
const AGAIN_MS = 1000

export interface CopiesParts {
  readonly port: FleetPort
  readonly directory: Ledger
  readonly clock: Clock
  /** A service has no copy of what holds; said once, until it has one again. */
  readonly onComplaint: (text: string) => void
}

interface Next {
  durable: boolean
  /** Why it could not be written; null when it was. */
  readonly written: Promise<string | null>
}

/** Of one service. */
interface Copy {
  readonly replica: Replica
  /** What the directory holds or is about to hold; null: it is not known. */
  state: ServiceState | null
  /**
   * By it something is not accepted yet; a node that came back with it would say that it is lost.
   */
  isPending: boolean
  /** The last write has ended. */
  ended: Promise<unknown>
  /** The write that waits for its turn; what is known by then is written. */
  next: Next | null
  timer: NodeJS.Timeout | null
  /** The sentence for the status while the last write has failed; null when it has not. */
  complaint: string | null
}

export class Copies {
  readonly #parts: CopiesParts
  readonly #copies = new Map<string, Copy>()
  #isClosed = false

  constructor(parts: CopiesParts) {
    this.#parts = parts
  }

  /**
   * Writes what is known when its turn comes; returns why that was not possible, null when it was.
   *
   * @param durable whether it must outlive a loss of power
   */
  now(replica: Replica, durable: boolean): Promise<string | null> {
    const copy = this.#of(replica)
    this.#waitsNoMore(copy)
    if (copy.next !== null) {
      copy.next.durable ||= durable
      return copy.next.written
    }
    const next: Next = {
      durable,
      written: copy.ended.then(() => {
        copy.next = null
        return this.#write(copy, next.durable)
      }),
    }
    copy.next = next
    copy.ended = next.written
    return next.written
  }

  /** Writes at once what restrains, and everything else within a moment. */
  soon(replica: Replica, durable: boolean): void {
    if (this.#isClosed) return
    const copy = this.#of(replica)
    const { document, kept } = replica.copy
    const isSettled = copy.isPending && kept.pending.length === 0
    if (copy.state === null || isSettled || !mayWait(copy.state, document.state)) {
      void this.now(replica, durable)
    } else this.#later(copy, WAIT_MS)
  }

  /** Sentences about services whose copy could not be written. */
  complaints(): readonly string[] {
    return [...this.#copies.values()].flatMap(({ complaint }) => complaint ?? [])
  }

  /** The service is taken out: what waits is written, as it may come back. */
  async forget(service: string): Promise<void> {
    const copy = this.#copies.get(service)
    if (copy === undefined) return
    if (copy.timer !== null) void this.now(copy.replica, false)
    await copy.ended
    this.#waitsNoMore(copy)
    if (this.#copies.get(service) === copy) this.#copies.delete(service)
  }

  /** All that waits is written; what is heard from then on is not. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#copies.keys()].map((service) => this.forget(service)))
  }

  #of(replica: Replica): Copy {
    const { service } = replica.document.state
    const known = this.#copies.get(service)
    if (known?.replica === replica) return known
    const last = { next: null, timer: null, complaint: null, state: null, isPending: false }
    const copy: Copy = { replica, ended: known?.ended ?? Promise.resolve(), ...last }
    this.#copies.set(service, copy)
    return copy
  }

  #later(copy: Copy, ms: number): void {
    copy.timer ??= setTimeout(() => void this.now(copy.replica, false), ms)
  }

  #waitsNoMore(copy: Copy): void {
    if (copy.timer !== null) clearTimeout(copy.timer)
    copy.timer = null
  }

  async #write(copy: Copy, durable: boolean): Promise<string | null> {
    const { clock, directory, port } = this.#parts
    const { document, kept } = copy.replica.copy
    copy.state = document.state
    copy.isPending = kept.pending.length > 0
    const saved = { document, clockMs: clock.now(), fleet: kept, place: port.place }
    const answer = await directory.propose(saved, { expectedEpoch: undefined, durable })
    const reason = answer.result === 'failed' ? answer.reason : null
    if (reason !== null) this.#failed(copy, reason)
    else copy.complaint = null
    return reason
  }

  #failed(copy: Copy, reason: string): void {
    const { service } = copy.replica.document.state
    const isNews = copy.complaint === null
    copy.state = null
    copy.complaint = `Cannot keep a copy of service ${service} as the system refuses: ${reason}`
    if (isNews) this.#parts.onComplaint(copy.complaint)
    this.#later(copy, AGAIN_MS)
  }
}
