// The way of one incident to one receiver: its pages one after the other, each tried until it is
// taken, with pauses that grow and are jittered, and not sooner than the receiver asks for. What
// it refuses as it is (a malformed template, say) is given up after a day; all else is kept until
// it is taken. Lanes know nothing of each other: an incident that cannot be told holds up no
// other.

import type { Agent } from 'undici'
import type { ReceiverConfig } from '../../config/config.ts'
import { undici } from '../undici.ts'
import { type Incident, type Page, sentTo } from './incident.ts'
import { type Attempt, post } from './post.ts'
import { requestFor } from './requests.ts'

const FIRST_PAUSE_MS = 500
/** A receiver that was down for hours hears of it soon after it is back. */
const LONGEST_PAUSE_MS = 300_000
const GIVE_UP_MS = 86_400_000

/** What is shared by the lanes of a receiver. */
export class Receiver {
  readonly config: ReceiverConfig
  readonly agent: Agent
  /** It has asked to be left alone until then (the monotonic clock). */
  notBeforeMs = 0

  constructor(config: ReceiverConfig, attemptMs: number) {
    this.config = config
    const { Agent } = undici()
    this.agent = new Agent({
      // Receivers limit how often they may be asked; Slack takes one message a second.
      ...{ connections: 2, pipelining: 1, keepAliveTimeout: 1000 },
      connect: { timeout: attemptMs },
    })
  }

  /** For people: which one it is, without its address. */
  get title(): string {
    return `${this.config.name} (${this.config.kind})`
  }
}

/** What all lanes are given. */
export interface LaneShared {
  readonly source: string
  readonly wall: () => number
  readonly monotonic: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly attemptMs: number
  /** Default 0.5 s. */
  readonly firstPauseMs?: number
  /** Ends attempts. */
  readonly stop: AbortSignal
  /** Set when the node stops: no attempt begins any more. */
  isClosing: boolean
}

export interface LaneParts {
  readonly shared: LaneShared
  /** As they are now; null: gone, and the lane ends. */
  readonly incident: () => Incident | null
  readonly receiver: () => Receiver | null
  /**
   * The page is done with. `left` says why it was not sent: empty when it is not meant for this
   * receiver, else it was given up; null when it was taken.
   */
  readonly onPast: (page: Page, end: { attempts: number; left: string | null }) => void
  /** Called for each attempt that failed. */
  readonly onFailed: (page: Page, trouble: Trouble) => void
}

export interface Trouble {
  readonly why: string
  readonly attempts: number
}

export class Lane {
  /** Why the present page has not been taken yet; null while nothing is wrong. */
  trouble: Trouble | null = null
  readonly #parts: LaneParts
  #isRunning = false
  #run: Promise<void> = Promise.resolve()
  #wake: (() => void) | null = null

  constructor(parts: LaneParts) {
    this.#parts = parts
  }

  /** Sends what there is to send, in the background. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#run = this.#sendAll()
  }

  /** Ends a pause: the receiver has changed, or the node stops. */
  hurry(): void {
    this.#wake?.()
  }

  /** Resolves when nothing is on its way any more. */
  settle(): Promise<void> {
    return this.#run
  }

  async #sendAll(): Promise<void> {
    const { shared } = this.#parts
    for (let attempts = 1; !shared.isClosing; attempts++) {
      const incident = this.#parts.incident()
      const receiver = this.#parts.receiver()
      const page = receiver && incident?.pages[sentTo(incident, receiver.config.name)]
      if (!incident || !receiver || !page) break
      if (!isFor(receiver.config, page)) {
        this.#past(page, { attempts: 0, left: '' })
        attempts = 0
        continue
      }
      const attempt = await this.#attempt({ incident, receiver, page })
      if (attempt === null) {
        attempts-- // the receiver has asked for a pause, and it is over
      } else if (attempt.result === 'taken') {
        this.#past(page, { attempts, left: null })
        attempts = 0
      } else if (shared.isClosing) {
        break
      } else if (await this.#failed(page, { ...attempt, attempts, receiver })) {
        attempts = 0
      }
    }
    if (!shared.isClosing) this.trouble = null
    this.#isRunning = false // in the turn in which nothing was found to send
  }

  #past(page: Page, end: { attempts: number; left: string | null }): void {
    this.trouble = null
    this.#parts.onPast(page, end)
  }

  /** One attempt, or null after a pause that the receiver has asked for. */
  async #attempt(told: {
    incident: Incident
    receiver: Receiver
    page: Page
  }): Promise<Attempt | null> {
    const { incident, page, receiver } = told
    const { attemptMs, monotonic, source, stop, wall } = this.#parts.shared
    const waitMs = receiver.notBeforeMs - monotonic()
    if (waitMs > 0) {
      await this.#pause(waitMs)
      return null
    }
    const notice = { incident, page, source, nowMs: wall() }
    const outgoing = requestFor(receiver.config, notice)
    const options = { dispatcher: receiver.agent, stop, timeoutMs: attemptMs, wall }
    return post(outgoing, receiver.config, options)
  }

  /** Waits before the next attempt; true when the page is given up. */
  async #failed(
    page: Page,
    attempt: Exclude<Attempt, { result: 'taken' }> & { attempts: number; receiver: Receiver },
  ): Promise<boolean> {
    const { attempts, receiver, result, retryAfterMs, why } = attempt
    const { firstPauseMs = FIRST_PAUSE_MS, monotonic, random, wall } = this.#parts.shared
    if (result === 'refused' && wall() - Date.parse(page.at) >= GIVE_UP_MS) {
      this.#past(page, { attempts, left: why })
      return true
    }
    this.trouble = { why, attempts }
    this.#parts.onFailed(page, this.trouble)
    const grown = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** (attempts - 1))
    const backoffMs = grown * (0.5 + random() / 2)
    if (retryAfterMs !== null) {
      const askedMs = retryAfterMs * (1 + random() / 10)
      receiver.notBeforeMs = Math.max(receiver.notBeforeMs, monotonic() + askedMs)
    }
    await this.#pause(backoffMs)
    return false
  }

  async #pause(ms: number): Promise<void> {
    if (this.#parts.shared.isClosing) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, ms)
    timer.unref()
    await promise
    clearTimeout(timer)
    this.#wake = null
  }
}

/** Who would be woken again by a page about an incident that is open already is not sent it. */
function isFor(receiver: ReceiverConfig, page: Page): boolean {
  return page.action !== 'update' || receiver.kind !== 'webhook' || receiver.updates
}
