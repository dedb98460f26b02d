// A lane is one connection to a target on which transactions run one after the other, each from
// its first step to its last or to its first failure. Its timings count from when a request was
// due: for the first step that is the schedule's time, for each later one the end of the one
// before. It decides nothing about when to begin; the run does.
//
// A connection that has rested for a second is not used again: a target may be closing it at this
// very moment, and that would look like a fault. So what fails on a connection is the target's.

import { Client, type Dispatcher } from 'undici'
import { checkAnswer } from '../core/transaction/check.ts'
import type { Json } from '../core/transaction/json-path.ts'
import type { Checking } from './messages.ts'
import { newTrace, type PreparedStep } from './prepared-step.ts'
import type { Tally } from './tally.ts'
import { troubleOf } from './trouble.ts'

const RESTED_MS = 1000
const ABANDONED_MS = 1000
/** The most of a body that is kept to be looked at, and the most that is read at all. */
const KEPT_BYTES = 1024 * 1024
const READ_BYTES = 64 * 1024 * 1024

export interface LanePlan {
  readonly steps: readonly PreparedStep[]
  readonly timeoutMs: number
  /** The run's number, which stands in `checking` while an answer is checked. */
  readonly number: number
  readonly checking: Checking
  /** How long transactions become due. */
  readonly durationMs: number
  /** The lane has become free. `isBroken`: it must not be used again. */
  readonly onFree: (lane: Lane, isBroken: boolean) => void
}

interface Failure {
  /** Its connection must not be used again. */
  readonly isBroken?: boolean
  /** What would have been captured from the answer. */
  readonly found?: readonly Json[]
}

const NONE: readonly Json[] = []

export class Lane implements Dispatcher.DispatchHandler {
  readonly target: string
  readonly #plan: LanePlan
  readonly #client: Client
  readonly #captured = new Map<string, Json>()
  readonly #onOpened: () => void
  #isOpening = true
  #step: PreparedStep | null = null
  /** What its transaction counts into. */
  #tally: Tally | null = null
  #trace = ''
  #dueMs = 0
  #sentMs = 0
  #begunMs = 0
  #freeSinceMs = 0
  #status = 0
  #headers: Record<string, string | string[] | undefined> = {}
  #chunks: Buffer[] = []
  #readBytes = 0

  /** @param onOpened it has its connection, or will never have it */
  constructor(target: string, plan: LanePlan, onOpened: () => void) {
    this.target = target
    this.#plan = plan
    this.#onOpened = onOpened
    this.#client = new Client(target, {
      pipelining: 1,
      // The lane watches the time itself.
      headersTimeout: 0,
      bodyTimeout: 0,
      // Only so that what was given up is closed some time.
      connect: { timeout: plan.timeoutMs + ABANDONED_MS },
    })
  }

  /** When its last transaction ended. */
  get freeSinceMs(): number {
    return this.#freeSinceMs
  }

  /** How long it had its last transaction. */
  get busyMs(): number {
    return this.#freeSinceMs - this.#begunMs
  }

  /** Whether its connection may be used again. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.#freeSinceMs < RESTED_MS
  }

  /** Begins a transaction that was due at this time, and counts it in this tally. */
  begin(tally: Tally, { dueMs, nowMs }: { dueMs: number; nowMs: number }): void {
    const [first] = this.#plan.steps
    if (first === undefined) throw new Error('a transaction without steps')
    this.#tally = tally
    this.#begunMs = nowMs
    this.#trace = newTrace()
    this.#captured.clear()
    this.#send(first, { dueMs, sentMs: nowMs })
  }

  #send(step: PreparedStep, { dueMs, sentMs }: { dueMs: number; sentMs: number }): void {
    this.#step = step
    this.#dueMs = dueMs
    this.#sentMs = sentMs
    this.#readBytes = 0
    if (this.#chunks.length > 0) this.#chunks = []
    const counts = this.#count()
    if (counts !== undefined) counts.requests++
    const request = step.request(this.#trace, this.#captured)
    if (typeof request === 'string') this.#fail(`cannot be sent: ${request}`)
    else this.#client.dispatch(request, this)
  }

  /** Gives up what has waited too long. */
  giveUpIfLate(nowMs: number): void {
    const { timeoutMs } = this.#plan
    if (this.#step === null || nowMs - this.#sentMs < timeoutMs) return
    this.#count()?.record(nowMs - this.#dueMs)
    this.#breakOff(`${this.target} did not answer within ${timeoutMs} ms`)
  }

  #count() {
    return this.#step === null ? undefined : this.#tally?.steps[this.#step.index]
  }

  /** Fails the request and gives up the connection. */
  #breakOff(text: string): void {
    this.#fail(text, { isBroken: true })
    this.destroy()
  }

  destroy(): void {
    this.#step = null
    this.#opened()
    // Whether it closes well interests nobody any more.
    this.#client.destroy().catch(() => undefined)
  }

  #opened(): void {
    if (!this.#isOpening) return
    this.#isOpening = false
    this.#onOpened()
  }

  #fail(text: string, { isBroken = false, found = NONE }: Failure = {}): void {
    const { steps } = this.#plan
    const tally = this.#tally
    const counts = this.#count()
    if (counts === undefined || tally === null) return
    counts.errors++
    // With one step there is nothing to tell apart.
    const told = steps.length === 1 ? text : `step ${counts.name}: ${text}`
    tally.fail(told, [...found, ...this.#captured.values()])
    tally.failed++
    this.#end(isBroken)
  }

  #end(isBroken: boolean): void {
    if (this.#tally !== null) this.#tally.transactions++
    this.#step = null
    this.#freeSinceMs = performance.now()
    this.#plan.onFree(this, isBroken)
  }

  // --- what undici calls -----------------------------------------------------------------------

  onRequestStart(): void {
    this.#opened()
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#step === null) return
    this.#readBytes += chunk.length
    const isKept = this.#step.looksAtBody
    // Copied, as undici may use the memory again.
    if (isKept && this.#readBytes <= KEPT_BYTES) this.#chunks.push(Buffer.from(chunk))
    const most = isKept ? KEPT_BYTES : READ_BYTES
    if (this.#readBytes > most) {
      this.#breakOff(`${this.target} answered with more than ${most / 1024 / 1024} MiB`)
    }
  }

  onResponseEnd(): void {
    const step = this.#step
    if (step === null) return
    const { checking, durationMs, number } = this.#plan
    const nowMs = performance.now()
    const tookMs = nowMs - this.#dueMs
    const counts = this.#count()
    counts?.record(tookMs)
    counts?.answer(nowMs)
    const body = this.#chunks.length === 0 ? '' : Buffer.concat(this.#chunks).toString()
    const facts = { status: this.#status, headers: this.#headers, body, tookMs }
    // A regular expression may take for ever, and nothing in this thread could say so.
    Atomics.store(checking, 0, number)
    const checked = checkAnswer(step.step, facts, this.#captured)
    Atomics.store(checking, 0, 0)
    if ('wrong' in checked) return this.#fail(checked.wrong, { found: checked.found })
    counts?.wasGood(nowMs, durationMs)
    for (const [name, value] of checked.captured) this.#captured.set(name, value)
    const next = this.#plan.steps[step.index + 1]
    if (next === undefined) this.#end(false)
    else this.#send(next, { dueMs: nowMs, sentMs: nowMs })
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#step === null) return // it was given up before
    if ((error as NodeJS.ErrnoException).code === 'UND_ERR_INVALID_ARG') {
      // A captured value that no request can carry; nothing has been sent.
      this.#breakOff(`cannot be sent: ${error.message}`)
      return
    }
    this.#breakOff(`${this.target} ${troubleOf(error)}`)
  }
}
