// Clean requests that wait to be judged. A failure or a slow request is judged at once; clean ones
// are no hurry, and handing each tick's handful of them to the tests is what judging costs. So they
// are gathered, and handed over a few ticks at a time: together with the next request that is not
// clean, before anything else is decided, and after five ticks at the latest. Services take turns.
//
// The tests lose nothing by it. Failures bring the clean requests before them along, and of those
// only the number matters. The γ of the time in between is granted before them instead of among
// them, so that they speak against it too: an e-value never comes out larger than tick by tick.

import { type ArmCounts, NO_COUNTS } from '../core/facts.ts'
import { plus } from '../core/replay/line.ts'

export interface Arms {
  candidate: ArmCounts
  stable: ArmCounts
}

const TURNS = 5

interface Waiting {
  arms: Arms | null
  sinceMs: number
}

const UNCLEAN = (Object.keys(NO_COUNTS) as (keyof ArmCounts)[]).filter((field) => field !== 'good')

function isClean(counts: ArmCounts): boolean {
  for (const field of UNCLEAN) if (counts[field] !== 0) return false
  return true
}

function together(some: Arms | null, more: Arms | undefined): Arms {
  if (some === null) return more ?? { candidate: NO_COUNTS, stable: NO_COUNTS }
  if (more === undefined) return some
  return {
    candidate: plus(some.candidate, more.candidate),
    stable: plus(some.stable, more.stable),
  }
}

export class CleanCounts {
  /** By the service's keeper: what a service that is gone has left behind goes with it. */
  readonly #services = new WeakMap<object, Waiting>()
  #known = 0
  readonly #tickMs: number

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  /**
   * Adds what was counted. Returns all that is to be judged now, or null: it can wait.
   *
   * @param at `isUrgent`: nothing may wait, as something is decided now
   */
  add(
    service: object,
    arms: Arms | undefined,
    at: { now: number; isUrgent: boolean },
  ): Arms | null {
    const known = this.#services.get(service) ?? this.#begin(service, at.now)
    const all = together(known.arms, arms)
    // Ticks are never early, but may be late: half a tick less keeps them from slipping by one.
    const waits = at.now - known.sinceMs < (TURNS - 0.5) * this.#tickMs
    if (waits && !at.isUrgent && isClean(all.candidate) && isClean(all.stable)) {
      known.arms = all
      return null
    }
    known.arms = null
    known.sinceMs = at.now
    return all
  }

  /** What waits, which from now on does not; null when nothing does. */
  take(service: object, now: number): Arms | null {
    const known = this.#services.get(service)
    if (known === undefined || known.arms === null) return null
    const { arms } = known
    known.arms = null
    known.sinceMs = now
    return arms
  }

  #begin(service: object, now: number): Waiting {
    const turn = this.#known++ % TURNS
    const waiting = { arms: null, sinceMs: now - turn * this.#tickMs }
    this.#services.set(service, waiting)
    return waiting
  }
}
