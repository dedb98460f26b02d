// The users of the demo: real HTTP requests to the proxy at a steady rate, whether earlier ones
// were answered or not, and a count of what came back. It knows only the addresses of the proxies,
// which take turns.

import { Pool } from 'undici'

const TICK_MS = 10
const CONNECTIONS = 64
const IN_FLIGHT_MAX = 2000 // a proxy that hangs must not make the demo grow without end

export interface TrafficCounts {
  readonly sent: number
  readonly answered: number
  /** Answers of 500 and above, and requests without an answer. */
  readonly failed: number
  /** Answers by the version that the app named. */
  readonly byVersion: Readonly<Record<string, number>>
}

export class Traffic {
  readonly #pools: readonly Pool[]
  readonly #perSecond: number
  #timer: NodeJS.Timeout | null = null
  #startedMs = 0
  #due = 0
  #sent = 0
  #answered = 0
  #failed = 0
  #firstFailure: string | null = null
  readonly #byVersion: Record<string, number> = {}

  constructor(urls: readonly string[], perSecond: number) {
    this.#pools = urls.map((url) => new Pool(url, { connections: CONNECTIONS, pipelining: 1 }))
    this.#perSecond = perSecond
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) * this.#perSecond) / 1000)
    for (; this.#due < due; this.#due++) {
      const inFlight = this.#sent - this.#answered - this.#failed
      if (inFlight < IN_FLIGHT_MAX) void this.#ask()
    }
  }

  async #ask(): Promise<void> {
    const pool = this.#pools[this.#sent++ % this.#pools.length]
    if (pool === undefined) return
    try {
      const { statusCode, headers, body } = await pool.request({
        method: 'GET',
        path: `/orders/${this.#sent}`,
      })
      await body.dump()
      if (statusCode >= 500) {
        this.#fail(`status ${statusCode}`)
        return
      }
      this.#answered++
      const version = String(headers['x-app-version'] ?? 'unknown')
      this.#byVersion[version] = (this.#byVersion[version] ?? 0) + 1
    } catch (error) {
      if (this.#timer !== null) this.#fail(String(error))
    }
  }

  #fail(why: string): void {
    this.#failed++
    this.#firstFailure ??= why
  }

  counts(): TrafficCounts {
    return {
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#failed,
      byVersion: { ...this.#byVersion },
    }
  }

  /** What the first user that saw an error was told, or null. */
  get firstFailure(): string | null {
    return this.#firstFailure
  }

  /** Stops sending; requests on their way are given up and not counted. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await Promise.all(this.#pools.map((pool) => pool.destroy()))
  }
}
