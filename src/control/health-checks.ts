// Active checks: GETs a path of every target again and again, where a service asks for it. Each
// target has a schedule of its own, begun at a random moment and jittered, so that a thousand
// targets are a thousand small acts spread over the interval and never a burst; no more than a
// bounded number of checks is on its way, and the others wait in line for a place, each target
// once. What the answers mean is said in core/health-check.ts, and what follows from it in
// core/health.ts. Neither the timers nor the kept connections keep the process alive.

import type { HealthCheckConfig } from '../config/config.ts'
import { type CheckState, foldCheck, UNCHECKED } from '../core/health-check.ts'
import { CheckClient } from './check-request.ts'
import type { ResidentVersion } from './residency.ts'

/** Checks on their way at a time. When every target hangs, rounds take longer instead. */
const UNDER_WAY = 256
/** The first check of a target comes within so much, however long the interval is. */
const FIRST_WITHIN_MS = 5000
/** Between two checks of a target, even when the time limit is longer than the interval. */
const LEAST_PAUSE_MS = 20
/** Before a raise a check must not be older, however long the interval is. */
const OF_LATE_MS = 5000

export interface Checked {
  readonly version: ResidentVersion
  /** Null: no checks. */
  readonly rules: HealthCheckConfig | null
}

export interface HealthChecksOptions {
  /** From 0 to 1. */
  readonly random: () => number
  /** What is known of a version's target has changed its word. */
  readonly onChange: (version: ResidentVersion) => void
  /** Default 256. */
  readonly underWay?: number
}

interface Check {
  readonly version: ResidentVersion
  readonly client: CheckClient
  rules: HealthCheckConfig
  state: CheckState
  timer: NodeJS.Timeout | undefined
  asking: boolean
  /** When it was asked last; −∞ before. */
  askedMs: number
  gone: boolean
  /** Those who wait for the next result. */
  waiting: (() => void)[]
}

export class HealthChecks {
  readonly #options: HealthChecksOptions
  readonly #checks = new Map<ResidentVersion, Map<string, Check>>()
  /** Checks that are due and wait for a place. */
  readonly #due = new Set<Check>()
  #underWay = 0

  constructor(options: HealthChecksOptions) {
    this.#options = options
  }

  /** Takes over which targets are there now and how they are checked. */
  follow(all: Iterable<Checked>): void {
    const left = new Set(this.#checks.keys())
    for (const { rules, version } of all) {
      if (rules === null) continue
      left.delete(version)
      this.#followVersion(version, rules)
    }
    for (const version of left) {
      for (const check of this.#checks.get(version)?.values() ?? []) this.#end(check)
      this.#checks.delete(version)
    }
  }

  /** What the checks say of a target; null when it is not checked. */
  stateOf(version: ResidentVersion, url: string): CheckState | null {
    return this.#checks.get(version)?.get(url)?.state ?? null
  }

  isChecked(version: ResidentVersion): boolean {
    return this.#checks.has(version)
  }

  /** Checks at once what has not been checked of late; resolves when all of it has. */
  async hurry(version: ResidentVersion): Promise<void> {
    const now = performance.now()
    const all = [...(this.#checks.get(version)?.values() ?? [])]
    const known = all
      .filter(({ asking, askedMs }) => asking || now - askedMs > OF_LATE_MS)
      .map((check) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        check.waiting.push(resolve)
        this.#comeDue(check)
        return promise
      })
    await Promise.all(known)
  }

  close(): void {
    this.follow([])
  }

  #followVersion(version: ResidentVersion, rules: HealthCheckConfig): void {
    const checks = this.#checks.get(version) ?? new Map<string, Check>()
    this.#checks.set(version, checks)
    for (const [url, check] of checks) {
      if (version.targets.has(url)) continue
      this.#end(check)
      checks.delete(url)
    }
    for (const url of version.targets.keys()) {
      const known = checks.get(url)
      if (known === undefined) checks.set(url, this.#begin(version, { url, rules }))
      else if (known.rules.intervalMs !== rules.intervalMs) {
        known.rules = rules
        if (!known.asking) this.#plan(known, this.#firstPauseMs(rules))
      } else known.rules = rules
    }
  }

  #begin(version: ResidentVersion, of: { url: string; rules: HealthCheckConfig }): Check {
    const check: Check = {
      version,
      client: new CheckClient(of.url),
      rules: of.rules,
      state: UNCHECKED,
      timer: undefined,
      asking: false,
      askedMs: Number.NEGATIVE_INFINITY,
      gone: false,
      waiting: [],
    }
    this.#plan(check, this.#firstPauseMs(of.rules))
    return check
  }

  #end(check: Check): void {
    check.gone = true
    clearTimeout(check.timer)
    this.#due.delete(check)
    check.client.destroy()
    for (const resolve of check.waiting.splice(0)) resolve()
  }

  /** Anywhere within the interval: that is what spreads the targets over it. */
  #firstPauseMs({ intervalMs }: HealthCheckConfig): number {
    return this.#options.random() * Math.min(intervalMs, FIRST_WITHIN_MS)
  }

  #plan(check: Check, afterMs: number): void {
    clearTimeout(check.timer)
    check.timer = setTimeout(() => this.#comeDue(check), afterMs)
    check.timer.unref()
  }

  #comeDue(check: Check): void {
    clearTimeout(check.timer)
    if (check.asking || check.gone) return
    this.#due.add(check)
    this.#serve()
  }

  /** Gives free places to those that are due, the longest waiting first. */
  #serve(): void {
    const { underWay = UNDER_WAY } = this.#options
    for (const check of this.#due) {
      if (this.#underWay >= underWay) return
      this.#due.delete(check)
      this.#underWay++
      void this.#ask(check)
    }
  }

  /** Never rejects: the client's answers are values. */
  async #ask(check: Check): Promise<void> {
    check.asking = true
    const began = performance.now()
    check.askedMs = began
    const result = await check.client.ask(check.rules)
    check.asking = false
    this.#underWay--
    if (!check.gone) {
      const before = check.state.word
      if (result.isOurs !== true) check.state = foldCheck(check.state, result, check.rules)
      // From the beginning of this check, so that a slow target is not asked less often.
      const jittered = check.rules.intervalMs * (0.9 + 0.2 * this.#options.random())
      this.#plan(check, Math.max(LEAST_PAUSE_MS, jittered - (performance.now() - began)))
      for (const resolve of check.waiting.splice(0)) resolve()
      if (check.state.word !== before) this.#options.onChange(check.version)
    }
    this.#serve()
  }
}
