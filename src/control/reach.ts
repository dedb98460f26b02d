// Before a candidate gets its first requests, each of its targets must be there: one connection to
// it must succeed. Nothing is kept for long: that a port was open an hour ago says nothing, so
// what was found out holds for some seconds and is asked anew while a rollout still waits for it.
// Where health checks are configured they speak instead of this.

import type { CheckResult } from '../core/health-check.ts'
import { readTargetAddress } from '../core/target.ts'
import type { Connect } from './check-request.ts'
import type { ResidentVersion } from './residency.ts'

/** So long an open port is believed in. */
const HOLDS_MS = 5000
/** It is tried anew when it is older than this. */
const STALE_MS = 2000
/** Connections that are tried at a time. */
const UNDER_WAY = 64

export interface ReachOptions {
  readonly connect: Connect
  readonly timeoutMs: () => number
  /** Milliseconds that never go back. */
  readonly now: () => number
  /** Something was found out about a target of this version. */
  readonly onFound: (version: ResidentVersion) => void
}

interface Found {
  readonly result: CheckResult
  readonly atMs: number
}

export class Reach {
  readonly #options: ReachOptions
  readonly #found = new WeakMap<ResidentVersion, Map<string, Found>>()
  readonly #asking = new WeakMap<ResidentVersion, Promise<void>>()

  constructor(options: ReachOptions) {
    this.#options = options
  }

  /** What was found out about a target of late, or null. */
  of(version: ResidentVersion, url: string): CheckResult | null {
    const found = this.#found.get(version)?.get(url)
    if (found === undefined) return null
    const { now, timeoutMs } = this.#options
    // What failed is not forgotten while the next attempt may still be on its way.
    const holdsMs = found.result.good ? HOLDS_MS : HOLDS_MS + timeoutMs()
    return now() - found.atMs > holdsMs ? null : found.result
  }

  /** Tries to connect to the targets of which little is known; resolves when all was tried. */
  look(version: ResidentVersion): Promise<void> {
    const known = this.#asking.get(version)
    if (known !== undefined) return known
    const asking = this.#lookAtAll(version).finally(() => this.#asking.delete(version))
    this.#asking.set(version, asking)
    return asking
  }

  async #lookAtAll(version: ResidentVersion): Promise<void> {
    const found = this.#found.get(version) ?? new Map<string, Found>()
    this.#found.set(version, found)
    const now = this.#options.now()
    const isStale = (url: string): boolean => {
      const before = found.get(url)
      return before === undefined || !before.result.good || now - before.atMs > STALE_MS
    }
    const stale = [...version.targets.keys()].filter(isStale)
    const before = stale.map((url) => this.of(version, url)?.good)
    const left = [...stale]
    const tryNext = async (): Promise<void> => {
      for (let url = left.shift(); url !== undefined; url = left.shift()) {
        await this.#try(url, found)
      }
    }
    await Promise.all(Array.from({ length: Math.min(UNDER_WAY, left.length) }, tryNext))
    const isNews = stale.some((url, i) => this.of(version, url)?.good !== before[i])
    if (isNews) this.#options.onFound(version)
  }

  async #try(url: string, found: Map<string, Found>): Promise<void> {
    const { connect, now, timeoutMs } = this.#options
    const address = readTargetAddress(url)
    if (address === null) throw new Error(`target ${url} is no address`)
    found.set(url, { result: await connect(address, timeoutMs()), atMs: now() })
  }
}
