// Tells on-call: one POST of a JSON page to a webhook, tried again with growing, jittered pauses
// when it fails. Nothing waits for it, least of all a rollback. Pages wait in a short queue; a
// webhook that is down for longer than the attempts last loses the page, and the journal says so.

import { request } from 'undici'
import type { PageConfig } from '../config/config.ts'

const ATTEMPTS = 8
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 60_000
const TIMEOUT_MS = 5000
/** A page is about a rollout's end, so more than this at a time is a fault of ours. */
const WAITING_PAGES = 100

export interface Page {
  readonly service: string
  readonly text: string
  readonly evidence: unknown
  /** ISO 8601. */
  readonly at: string
  /** The same for every attempt, so that a receiver can tell a repetition. */
  readonly id: string
}

export interface PagerOptions {
  readonly page: PageConfig | null
  /** Called once a page is delivered or given up, with a sentence. */
  readonly onResult: (page: Page, result: { delivered: boolean; text: string }) => void
  /** From 0 to 1, for the jitter. */
  readonly random: () => number
  /** For tests: the first pause between attempts. */
  readonly firstPauseMs?: number
}

function isDelivered(status: number): boolean {
  return status >= 200 && status < 300
}

export class Pager {
  readonly #options: PagerOptions
  readonly #sending = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #page: PageConfig | null

  constructor(options: PagerOptions) {
    this.#options = options
    this.#page = options.page
  }

  /** After a reload. Pages on their way keep their receiver. */
  configure(page: PageConfig | null): void {
    this.#page = page
  }

  /** Sends a page in the background. */
  send(page: Page): void {
    const to = this.#page
    const { onResult } = this.#options
    if (to === null) return
    if (this.#sending.size >= WAITING_PAGES) {
      onResult(page, { delivered: false, text: 'too many pages wait for their receiver' })
      return
    }
    const sending = this.#deliver(page, to).then((result) => onResult(page, result))
    this.#sending.add(sending)
    void sending.finally(() => this.#sending.delete(sending))
  }

  /** Gives up pauses between attempts; an attempt on its way may end. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#sending)
  }

  async #deliver(page: Page, to: PageConfig): Promise<{ delivered: boolean; text: string }> {
    let last = ''
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      last = await this.#attempt(page, to)
      if (last === '') return { delivered: true, text: `paged after ${attempt} attempt(s)` }
      if (attempt < ATTEMPTS && !(await this.#pause(attempt))) break
    }
    return {
      delivered: false,
      text: `Cannot page as ${new URL(to.url).origin} does not take it: ${last}`,
    }
  }

  /** One POST; empty when it was taken, else why not. */
  async #attempt(page: Page, to: PageConfig): Promise<string> {
    try {
      const { statusCode, body } = await request(to.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...to.headers },
        body: JSON.stringify(page),
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
      })
      await body.dump()
      return isDelivered(statusCode) ? '' : `status ${statusCode}`
    } catch (error) {
      return (error as Error).message
    }
  }

  /** Waits before the next attempt; false when the pager was closed meanwhile. */
  async #pause(attempt: number): Promise<boolean> {
    const { random, firstPauseMs = FIRST_PAUSE_MS } = this.#options
    const longest = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** (attempt - 1))
    const { signal } = this.#stop
    if (signal.aborted) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(true), longest * (0.5 + random() / 2))
    timer.unref()
    signal.addEventListener('abort', () => resolve(false), { once: true })
    const waited = await promise
    clearTimeout(timer)
    return waited
  }
}
